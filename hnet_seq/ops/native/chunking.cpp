// Between two resolutions: cosines of neighbours for the router, the smoothing over chunks, and the
// spreading of chunks over their tokens; one pass over memory each way.
#include <algorithm>
#include <cmath>
#include <vector>

#include "vector.h"

constexpr int64_t STRIP = 64;  // channels of the smoothing that one thread follows over all chunks

// cosine[t] of q[t] and k[t + 1] for t < total - 1, and the lengths of those rows, at least eps. The
// last length of q and the first of k are not written.
extern "C" void neighbour_cosine_forward(int64_t total, int64_t width, const float* q,
                                         int64_t q_row, const float* k, int64_t k_row, float eps,
                                         float* cosine, float* q_length, float* k_length,
                                         int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < total - 1; t++) {
        const float *a = q + t * q_row, *b = k + (t + 1) * k_row;
        Vec ab = {}, aa = {}, bb = {};
        for (int64_t c = 0; c < width; c += LANES) {
            const int n = lanes_left(c, width);
            const Vec x = load(a + c, n), y = load(b + c, n);
            ab += x * y;
            aa += x * x;
            bb += y * y;
        }
        q_length[t] = std::max(std::sqrt(sum(aa)), eps);
        k_length[t + 1] = std::max(std::sqrt(sum(bb)), eps);
        cosine[t] = sum(ab) / (q_length[t] * k_length[t + 1]);
    }
}

// With a = q[t], b = k[t + 1]: d_a = g (b / (|a| |b|) - cos a / |a|^2), and so for b.
extern "C" void neighbour_cosine_backward(int64_t total, int64_t width, const float* q,
                                          int64_t q_row, const float* k, int64_t k_row,
                                          const float* cosine, const float* q_length,
                                          const float* k_length, const float* d_cosine, float* d_q,
                                          float* d_k, int threads) {
    if (total == 0) return;
    memset(d_q + (total - 1) * width, 0, 4 * width);
    memset(d_k, 0, 4 * width);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < total - 1; t++) {
        const float *a = q + t * q_row, *b = k + (t + 1) * k_row;
        const float across = d_cosine[t] / (q_length[t] * k_length[t + 1]);
        const float along_a = d_cosine[t] * cosine[t] / (q_length[t] * q_length[t]);
        const float along_b = d_cosine[t] * cosine[t] / (k_length[t + 1] * k_length[t + 1]);
        for (int64_t c = 0; c < width; c += LANES) {
            const int n = lanes_left(c, width);
            const Vec x = load(a + c, n), y = load(b + c, n);
            store(d_q + t * width + c, y * across - x * along_a, n);
            store(d_k + (t + 1) * width + c, x * across - y * along_b, n);
        }
    }
}

// average[k] = p[k] z[k] + (1 - p[k]) average[k - 1], from zero where place[k] is 0.
extern "C" void smooth_forward(int64_t total, int64_t width, const float* z, int64_t z_row,
                               const float* p, const int32_t* place, float* average, int threads) {
    const int64_t strips = (width + STRIP - 1) / STRIP;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t strip = 0; strip < strips; strip++) {
        const int64_t end = std::min((strip + 1) * STRIP, width);
        for (int64_t t = 0; t < total; t++)
            for (int64_t c = strip * STRIP; c < end; c += LANES) {
                const int n = lanes_left(c, end);
                Vec next = load(z + t * z_row + c, n) * p[t];
                if (place[t]) next += load(average + (t - 1) * width + c, n) * (1 - p[t]);
                store(average + t * width + c, next, n);
            }
    }
}

// The gradient of p is summed over strips in their order.
extern "C" void smooth_backward(int64_t total, int64_t width, const float* z, int64_t z_row,
                                const float* p, const int32_t* place, const float* average,
                                const float* d_average, float* d_z, float* d_p, int threads) {
    const int64_t strips = (width + STRIP - 1) / STRIP;
    std::vector<float> partial(strips * total);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t strip = 0; strip < strips; strip++) {
        const int64_t first = strip * STRIP, end = std::min(first + STRIP, width);
        float carried[STRIP] = {};  // what the next chunk of the same sequence asks of this one
        for (int64_t t = total - 1; t >= 0; t--) {
            Vec dots = {};
            const bool open = place[t] != 0;
            for (int64_t c = first; c < end; c += LANES) {
                const int n = lanes_left(c, end);
                const Vec d = load(d_average + t * width + c, n) + load(carried + c - first, n);
                Vec change = load(z + t * z_row + c, n);
                if (open) change -= load(average + (t - 1) * width + c, n);
                dots += d * change;
                store(d_z + t * width + c, d * p[t], n);
                store(carried + c - first, open ? d * (1 - p[t]) : Vec{}, n);
            }
            partial[strip * total + t] = sum(dots);
        }
    }
    for (int64_t t = 0; t < total; t++) {
        d_p[t] = 0;
        for (int64_t strip = 0; strip < strips; strip++) d_p[t] += partial[strip * total + t];
    }
}

// out[t] = scale[t] z[k] for the tokens t of chunk k, which are those from starts[k] on.
extern "C" void spread_forward(int64_t chunks, int64_t width, const float* z, const int32_t* starts,
                               int64_t total, const float* scale, float* out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t k = 0; k < chunks; k++) {
        const int64_t end = k + 1 < chunks ? starts[k + 1] : total;
        for (int64_t t = starts[k]; t < end; t++)
            for (int64_t c = 0; c < width; c += LANES) {
                const int n = lanes_left(c, width);
                store(out + t * width + c, load(z + k * width + c, n) * scale[t], n);
            }
    }
}

extern "C" void spread_backward(int64_t chunks, int64_t width, const float* z,
                                const int32_t* starts, int64_t total, const float* scale,
                                const float* d_out, float* d_z, float* d_scale, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t k = 0; k < chunks; k++) {
        const int64_t end = k + 1 < chunks ? starts[k + 1] : total;
        memset(d_z + k * width, 0, 4 * width);
        for (int64_t t = starts[k]; t < end; t++) {
            Vec dots = {};
            for (int64_t c = 0; c < width; c += LANES) {
                const int n = lanes_left(c, width);
                const Vec d = load(d_out + t * width + c, n);
                dots += d * load(z + k * width + c, n);
                store(d_z + k * width + c, load(d_z + k * width + c, n) + d * scale[t], n);
            }
            d_scale[t] = sum(dots);
        }
    }
}
