// The router's cosine, smoothing and spreading, with chunks of one base and of all.
#include "exact.h"

#include "chunking.cpp"

constexpr int64_t WIDTHS[] = {1, 3, 16, 17, 64, 70, 130};

static void drive_cosine(int64_t T, int64_t width) {
    const int64_t row = width + 3, pairs = std::max<int64_t>(T - 1, 0);
    Floats q = random_floats(span_of(T, width, row)), k = random_floats(span_of(T, width, row));
    Floats d_cosine = random_floats(pairs);
    with_threads("neighbour_cosine", [&](int threads, Results& results) {
        Floats cosine(pairs), q_length(T), k_length(T), d_q(T * width), d_k(T * width);
        neighbour_cosine_forward(T, width, q, row, k, row, 1e-8f, cosine, q_length, k_length, threads);
        neighbour_cosine_backward(T, width, q, row, k, row, cosine, q_length, k_length, d_cosine, d_q,
                                  d_k, threads);
        for (Floats* one : {&cosine, &d_q, &d_k}) results.add(*one);
    });
}

static void drive_smoothing(const std::vector<int>& lengths, int64_t width) {
    const int64_t T = total_of(lengths), row = width + 3;
    Exact<int32_t> place = places_of(lengths);
    Floats z = random_floats(span_of(T, width, row)), p = random_floats(T, 0.1f, 0.9f);
    Floats d_average = random_floats(T * width);
    with_threads("smooth", [&](int threads, Results& results) {
        Floats average(T * width), d_z(T * width), d_p(T);
        smooth_forward(T, width, z, row, p, place, average, threads);
        smooth_backward(T, width, z, row, p, place, average, d_average, d_z, d_p, threads);
        for (Floats* one : {&average, &d_z, &d_p}) results.add(*one);
    });
}

static void drive_spread(int64_t T, int64_t width) {
    for (int64_t chunk : {int64_t(1), int64_t(3), T}) {
        const int64_t chunks = (T + chunk - 1) / chunk;
        Exact<int32_t> starts(chunks);
        for (int64_t k = 0; k < chunks; k++) starts[k] = int32_t(k * chunk);
        Floats z = random_floats(chunks * width), scale = random_floats(T), d_out = random_floats(T * width);
        with_threads("spread", [&](int threads, Results& results) {
            Floats out(T * width), d_z(chunks * width), d_scale(T);
            spread_forward(chunks, width, z, starts, T, scale, out, threads);
            spread_backward(chunks, width, z, starts, T, scale, d_out, d_z, d_scale, threads);
            for (Floats* one : {&out, &d_z, &d_scale}) results.add(*one);
        });
    }
}

static void drive_chunking() {
    for (int64_t width : WIDTHS) {
        drive_cosine(0, width);
        for (const auto& lengths : LENGTHS) {
            drive_cosine(total_of(lengths), width);
            drive_smoothing(lengths, width);
            drive_spread(total_of(lengths), width);
        }
    }
}

static const bool chunking_added = add(drive_chunking);
