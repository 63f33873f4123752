// RMS normalisation, plain and gated: one pass over the rows forward, one back.
//
// With r = 1 / sqrt(mean(x^2) + eps) and n = x r:  dx = r (w dy - n mean(n w dy)). Sums over rows
// are taken in pieces of one size and added in one order, whatever the number of threads.
#include <algorithm>
#include <cmath>
#include <vector>

#include "vector.h"

constexpr int64_t ROWS = 128;

namespace {

// What is normalised: x, or y silu(gate).
struct Input {
    const float *y, *gate;
    int64_t y_row, gate_row;

    inline Vec at(int64_t t, int64_t c, int n) const {
        const Vec x = load(y + t * y_row + c, n);
        return gate ? x * silu(load(gate + t * gate_row + c, n)) : x;
    }
};

void forward(int64_t total, int64_t width, const Input& input, const float* weight, float eps,
             float* out, float* scale, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < total; t++) {
        float* row = out + t * width;
        Vec squares = {};
        for (int64_t c = 0; c < width; c += LANES) {
            const int n = lanes_left(c, width);
            const Vec x = input.at(t, c, n);
            squares += x * x;
            store(row + c, x, n);
        }
        const float r = 1.0f / std::sqrt(sum(squares) / width + eps);
        scale[t] = r;
        for (int64_t c = 0; c < width; c += LANES) {
            const int n = lanes_left(c, width);
            store(row + c, load(row + c, n) * r * load(weight + c, n), n);
        }
    }
}

// Calls finish(t, c, n, dx) for each vector of the gradient of what is normalised.
template <class Finish>
void backward(int64_t total, int64_t width, const Input& input, const float* weight,
              const float* scale, const float* d_out, float* d_weight, int threads,
              const Finish& finish) {
    const int64_t pieces = (total + ROWS - 1) / ROWS;
    std::vector<float> partial(pieces * width);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> normed(width);
#pragma omp for schedule(static)
        for (int64_t piece = 0; piece < pieces; piece++) {
            float* own = partial.data() + piece * width;
            for (int64_t t = piece * ROWS; t < std::min((piece + 1) * ROWS, total); t++) {
                const float r = scale[t];
                Vec dots = {};
                for (int64_t c = 0; c < width; c += LANES) {
                    const int n = lanes_left(c, width);
                    const Vec x = input.at(t, c, n) * r;
                    const Vec pulled = load(d_out + t * width + c, n) * x;
                    store(normed.data() + c, x, n);
                    store(own + c, load(own + c, n) + pulled, n);
                    dots += pulled * load(weight + c, n);
                }
                const float mean = sum(dots) / width;
                for (int64_t c = 0; c < width; c += LANES) {
                    const int n = lanes_left(c, width);
                    const Vec d = load(d_out + t * width + c, n) * load(weight + c, n);
                    finish(t, c, n, (d - load(normed.data() + c, n) * mean) * r);
                }
            }
        }
    }
    std::fill(d_weight, d_weight + width, 0.0f);
    for (int64_t piece = 0; piece < pieces; piece++)
        for (int64_t c = 0; c < width; c++) d_weight[c] += partial[piece * width + c];
}

}  // namespace

extern "C" void rms_norm_forward(int64_t total, int64_t width, const float* x, int64_t x_row,
                                 const float* weight, float eps, float* out, float* scale,
                                 int threads) {
    forward(total, width, Input{x, nullptr, x_row, 0}, weight, eps, out, scale, threads);
}

extern "C" void rms_norm_backward(int64_t total, int64_t width, const float* x, int64_t x_row,
                                  const float* weight, const float* scale, const float* d_out,
                                  float* d_x, float* d_weight, int threads) {
    backward(total, width, Input{x, nullptr, x_row, 0}, weight, scale, d_out, d_weight, threads,
             [=](int64_t t, int64_t c, int n, Vec d) { store(d_x + t * width + c, d, n); });
}

extern "C" void gated_rms_norm_forward(int64_t total, int64_t width, const float* y, int64_t y_row,
                                       const float* gate, int64_t gate_row, const float* weight,
                                       float eps, float* out, float* scale, int threads) {
    forward(total, width, Input{y, gate, y_row, gate_row}, weight, eps, out, scale, threads);
}

extern "C" void gated_rms_norm_backward(int64_t total, int64_t width, const float* y, int64_t y_row,
                                        const float* gate, int64_t gate_row, const float* weight,
                                        const float* scale, const float* d_out, float* d_y,
                                        float* d_gate, int64_t d_gate_row, float* d_weight,
                                        int threads) {
    backward(total, width, Input{y, gate, y_row, gate_row}, weight, scale, d_out, d_weight, threads,
             [=](int64_t t, int64_t c, int n, Vec d) {
                 const Vec g = load(gate + t * gate_row + c, n), s = sigmoid(g);
                 store(d_gate + t * d_gate_row + c,
                       d * load(y + t * y_row + c, n) * silu_slope(g, s), n);
                 store(d_y + t * width + c, d * g * s, n);
             });
}
