// What the drivers of the kernels share: memory that ends where its numbers end, and shapes.
//
// Each driver includes the source of its kernel, so that a changed list of arguments is an error of
// the compiler here.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

inline std::mt19937 generator(7);

// Those that are linked in say so before main begins.
struct Driver {
    void (*run)();
};
inline std::vector<Driver>& drivers() {
    static std::vector<Driver> all;
    return all;
}
inline bool add(void (*run)()) {
    drivers().push_back({run});
    return true;
}

// A buffer of its own of so many numbers. What is not given is what the sanitizer fills fresh memory
// with: NaN.
template <class T> class Exact {
  public:
    explicit Exact(int64_t size) : size(size), memory(new T[size]) {}
    Exact(int64_t size, T value) : Exact(size) { std::fill(begin(), end(), value); }
    Exact(std::initializer_list<T> values) : Exact(int64_t(values.size())) {
        std::copy(values.begin(), values.end(), begin());
    }
    operator T*() { return memory.get(); }
    T* begin() { return memory.get(); }
    T* end() { return memory.get() + size; }

    const int64_t size;

  private:
    std::unique_ptr<T[]> memory;
};

using Floats = Exact<float>;

inline Floats random_floats(int64_t size, float low = -1, float high = 1) {
    Floats made(size);
    std::uniform_real_distribution<float> draw(low, high);
    for (float& x : made) x = draw(generator);
    return made;
}

// What a matrix takes whose rows lie ``row`` apart: nothing behind the last one.
inline int64_t span_of(int64_t rows, int64_t width, int64_t row) {
    return rows ? (rows - 1) * row + width : 0;
}

[[noreturn]] inline void fail(const char* kernel, const char* what) {
    fprintf(stderr, "%s: %s\n", kernel, what);
    exit(1);
}

// A number that nobody wrote, or that was made of one, is NaN.
inline void expect_written(const char* kernel, const float* values, int64_t rows, int64_t width,
                           int64_t row) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < width; c++)
            if (!std::isfinite(values[i * row + c])) fail(kernel, "a result was not written");
}
inline void expect_written(const char* kernel, Floats& values) {
    expect_written(kernel, values, 1, values.size, values.size);
}

// Results of one thread first, then those of several, which are the same to the last bit.
class Results {
  public:
    explicit Results(const char* kernel) : kernel(kernel) {}
    void add(Floats& values) {
        expect_written(kernel, values);
        bits.insert(bits.end(), values.begin(), values.end());
    }
    void expect_same(const Results& other) const {
        if (bits.size() != other.bits.size() ||
            (!bits.empty() && memcmp(bits.data(), other.bits.data(), 4 * bits.size())))
            fail(kernel, "the result depends on the number of threads");
    }

  private:
    const char* kernel;
    std::vector<float> bits;
};

// Calls run(threads, results) for each number of threads.
template <class Run> void with_threads(const char* kernel, const Run& run) {
    Results alone(kernel);
    run(1, alone);
    for (int threads : {2, 5}) {
        Results together(kernel);
        run(threads, together);
        together.expect_same(alone);
    }
}

// Sequences end to end: one token, lengths around a block of 64 and a group of 128, many.
inline const std::vector<std::vector<int>> LENGTHS = {
    {1}, {2}, {63}, {64}, {65}, {1, 1, 1}, {63, 1}, {64, 1, 64}, {63, 2, 63}, {129}, {7, 300, 1, 90}};

inline int64_t total_of(const std::vector<int>& lengths) {
    int64_t total = 0;
    for (int length : lengths) total += length;
    return total;
}

// Of each token, how many of its sequence stand before it.
inline Exact<int32_t> places_of(const std::vector<int>& lengths) {
    Exact<int32_t> place(total_of(lengths));
    int32_t* next = place;
    for (int length : lengths)
        for (int i = 0; i < length; i++) *next++ = i;
    return place;
}
