// value * silu(gate), where each row holds the values and then the gates.
#include "vector.h"

extern "C" void swiglu_forward(int64_t total, int64_t width, const float* x, float* out,
                               int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < total; t++) {
        const float *value = x + t * 2 * width, *gate = value + width;
        for (int64_t c = 0; c < width; c += LANES) {
            const int n = lanes_left(c, width);
            store(out + t * width + c, load(value + c, n) * silu(load(gate + c, n)), n);
        }
    }
}

extern "C" void swiglu_backward(int64_t total, int64_t width, const float* x, const float* d_out,
                                float* d_x, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < total; t++) {
        const float *value = x + t * 2 * width, *gate = value + width;
        float* d = d_x + t * 2 * width;
        for (int64_t c = 0; c < width; c += LANES) {
            const int n = lanes_left(c, width);
            const Vec g = load(gate + c, n), s = sigmoid(g), pull = load(d_out + t * width + c, n);
            store(d + c, pull * g * s, n);
            store(d + width + c, pull * load(value + c, n) * silu_slope(g, s), n);
        }
    }
}
