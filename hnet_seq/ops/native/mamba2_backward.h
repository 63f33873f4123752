// What the gradient of a Mamba-2 mixer does with one block of tokens; see mamba2_backward.cpp.
#pragma once
#include <cmath>

#include "ssd_block.h"
constexpr int MAX_TAPS = 8, STRIP = 8;

namespace {

// One vector of floats, and as many more as keep rows from meeting in the same sets of a cache.
int64_t line(int64_t channels) { return channels + (channels / 16 % 2 ? 0 : 16); }

struct Weights {
    int64_t inner, state, heads, taps;  // I, N, H, W
    const float *conv, *bias;           // (W, C), the last row of lag 0; (C)
    const float *dt_bias, *A, *D, *norm;
    float eps;

    int64_t channels() const { return inner + 2 * state; }
    int64_t columns() const { return inner + channels() + heads; }
};

// Where a block adds up the gradients of weights.
struct Sums {
    float *conv, *norm, *dt_bias, *A, *D;  // (W + 1, C) with that of the bias last; I; H each

    static int64_t numbers(const Weights& w) {
        return (w.taps + 1) * w.channels() + w.inner + 3 * w.heads;
    }
    static int64_t floats(const Weights& w) { return (numbers(w) + 15) / 16 * 16; }
    Sums(const Weights& w, float* memory)
        : conv(memory), norm(conv + (w.taps + 1) * w.channels()), dt_bias(norm + w.inner),
          A(dt_bias + w.heads), D(A + w.heads) {}
};

// One block, and its rows of what is as long as the tokens.
struct Work {
    const Weights& weights;
    int64_t start, total;
    int count;
    const int32_t* place;
    const float* projected;
    float *out, *d_projected;
    float *mixed, *slope, *dt, *d_y;  // rows of line(), line(), H and I floats
    Sums sums;

    Scan scan() const {
        const Weights& w = weights;
        const int64_t row = line(w.channels());
        return {count, int(w.heads), int(w.inner / w.heads), int(w.state), mixed, row, dt, w.A,
                mixed + w.inner, mixed + w.inner + w.state, row, w.D, place};
    }

    // What the scan takes; and the slope of SiLU, by which what it gives back is multiplied. Made twice
    // of some blocks, to the same bits: not inlined, where each place might round otherwise.
    __attribute__((noinline)) void convolve() const {
        const int64_t C = weights.channels(), row = weights.columns(), lags = weights.taps - 1;
        for (int i = 0; i < count; i++) {
            const float* x = projected + i * row + weights.inner;
            const int64_t seen = std::min<int64_t>(lags, place[i]);
            float *to = mixed + i * line(C), *slopes = slope + i * line(C);
            for (int64_t c = 0; c < C; c += LANES) {
                const float* tap = weights.conv + lags * C + c;
                Vec u = load(weights.bias + c) + load(tap) * load(x + c);
                for (int64_t lag = 1; lag <= seen; lag++)
                    u += load(tap - lag * C) * load(x - lag * row + c);
                const Vec s = sigmoid(u);
                store(to + c, u * s);
                store(slopes + c, silu_slope(u, s));
            }
            const float* steps = x + C;
            for (int h = 0; h < weights.heads; h++) dt[i * weights.heads + h] = steps[h] + weights.dt_bias[h];
        }
        for (int64_t i = 0; i < count * weights.heads; i += LANES) {
            const int n = lanes_left(i, count * weights.heads);
            store(dt + i, softplus(load(dt + i, n)), n);
        }
    }

    // The norm of y silu(z) to ``out``, whose gradient stood there; y (count, I).
    void normalise(const float* y, float* values, float* sigmoids) const {
        const int64_t I = weights.inner, row = weights.columns();
        memset(sums.norm, 0, 4 * I);
        for (int i = 0; i < count; i++, y += I) {
            const float* z = projected + i * row;
            float *d_z = d_projected + i * row, *d_out = out + i * I, *to = d_y + i * I;
            Vec squares = {}, dots = {};
            for (int64_t c = 0; c < I; c += LANES) {
                const Vec gate = load(z + c), s = sigmoid(gate), value = load(y + c) * gate * s;
                squares += value * value;
                store(values + c, value);
                store(sigmoids + c, s);
            }
            const float r = 1.0f / std::sqrt(sum(squares) / I + weights.eps);
            for (int64_t c = 0; c < I; c += LANES) {
                const Vec normed = load(values + c) * r, pulled = load(d_out + c) * normed;
                store(values + c, normed);
                store(sums.norm + c, load(sums.norm + c) + pulled);
                dots += pulled * load(weights.norm + c);
            }
            const float mean = sum(dots) / I;
            for (int64_t c = 0; c < I; c += LANES) {
                const Vec weight = load(weights.norm + c), normed = load(values + c);
                const Vec d = (load(d_out + c) * weight - normed * mean) * r;
                const Vec gate = load(z + c), s = load(sigmoids + c);
                store(d_z + c, d * load(y + c) * silu_slope(gate, s));
                store(to + c, d * gate * s);
                store(d_out + c, normed * weight);
            }
        }
    }

    // ``mixed`` has the gradient of what was convolved, and dt that of the step sizes: to those
    // before SiLU, and before softplus.
    void before_activation() const {
        const int64_t C = weights.channels(), H = weights.heads, at = weights.inner + C;
        for (int i = 0; i < count; i++)
            for (int64_t c = 0; c < C; c += LANES) {
                float* own = mixed + i * line(C) + c;
                store(own, load(own) * load(slope + i * line(C) + c));
            }
        std::fill(sums.dt_bias, sums.dt_bias + H, 0.0f);
        for (int i = 0; i < count; i++) {
            const float* steps = projected + i * weights.columns() + at;
            float* to = d_projected + i * weights.columns() + at;
            for (int64_t h = 0; h < H; h += LANES) {
                const int n = lanes_left(h, H);
                const Vec before = load(steps + h, n) + load(weights.dt_bias + h, n);
                const Vec d = load(dt + i * H + h, n) * sigmoid(before);
                store(to + h, d, n);
                store(sums.dt_bias + h, load(sums.dt_bias + h, n) + d, n);
            }
        }
    }

    // The gradients before SiLU back through the convolution; ``ahead`` are those of the tokens
    // behind the block.
    template <int TAPS>
    void convolve_back(const float* ahead) const {
        const int64_t C = weights.channels(), row = weights.columns();
        int behind[Q];  // lags of a token that are its sequence's
        int before[Q];  // lags at which a token is seen
        const float* rows[Q + TAPS];
        for (int i = 0; i < count; i++) behind[i] = std::min(TAPS - 1, place[i]);
        for (int i = 0; i < count; i++) {
            before[i] = 0;
            for (int lag = 1; lag < TAPS && start + i + lag < total && place[i + lag] >= lag; lag++)
                before[i] = lag;
        }
        for (int i = 0; i < count + TAPS; i++)
            rows[i] = i < Q ? mixed + i * line(C) : ahead + (i - Q) * line(C);
        memset(sums.conv, 0, 4 * (TAPS + 1) * C);
        // A few rows at a time: whole columns would be read a cache line from each row.
        for (int first = 0; first < count; first += STRIP) {
            const int last = std::min(first + STRIP, count);
            for (int64_t c = 0; c < C; c += LANES) {
                Vec taps[TAPS], of_taps[TAPS], of_bias = load(sums.conv + TAPS * C + c);
                for (int lag = 0; lag < TAPS; lag++) {
                    taps[lag] = load(weights.conv + (TAPS - 1 - lag) * C + c);
                    of_taps[lag] = load(sums.conv + (TAPS - 1 - lag) * C + c);
                }
                for (int i = first; i < last; i++) {
                    const float* x = projected + i * row + weights.inner + c;
                    const Vec own = load(rows[i] + c);
                    Vec d = own * taps[0];
                    of_bias += own;
                    of_taps[0] += own * load(x);
#pragma GCC unroll 8
                    for (int lag = 1; lag < TAPS; lag++) {
                        if (lag <= before[i]) d += load(rows[i + lag] + c) * taps[lag];
                        if (lag <= behind[i]) of_taps[lag] += own * load(x - lag * row);
                    }
                    store(d_projected + i * row + weights.inner + c, d);
                }
                for (int lag = 0; lag < TAPS; lag++)
                    store(sums.conv + (TAPS - 1 - lag) * C + c, of_taps[lag]);
                store(sums.conv + TAPS * C + c, of_bias);
            }
        }
    }

    void convolve_back(const float* ahead) const {
        switch (weights.taps) {
            case 1: return convolve_back<1>(ahead);
            case 2: return convolve_back<2>(ahead);
            case 3: return convolve_back<3>(ahead);
            case 4: return convolve_back<4>(ahead);
            case 5: return convolve_back<5>(ahead);
            case 6: return convolve_back<6>(ahead);
            case 7: return convolve_back<7>(ahead);
            case 8: return convolve_back<8>(ahead);
        }
    }
};

}  // namespace
