// Depthwise causal convolution and SiLU over packed tokens: one pass forward, one back.
//
// place[t] is the number of tokens of t's sequence before it, so a tap of lag l is there where
// place[t] >= l. Work is cut into rows and strips of channels in one way, whatever the number of
// threads, and sums over rows are added in one order: results do not depend on threads.
#include <algorithm>
#include <vector>

#include "vector.h"

constexpr int64_t ROWS = 256, STRIP = 64;
constexpr int MAX_TAPS = 8;

namespace {

struct Conv {
    int64_t total, channels, width;
    const float* x;
    int64_t x_row;
    const float *taps, *bias;  // (width, channels), the last row of lag 0; (channels)
    const int32_t* place;

    // Before SiLU, of n channels from c.
    inline Vec at(int64_t t, int64_t c, int n) const {
        const float* here = x + t * x_row + c;
        const float* tap = taps + (width - 1) * channels + c;
        Vec u = load(bias + c, n) + load(tap, n) * load(here, n);
        const int64_t lags = std::min<int64_t>(width - 1, place[t]);
        for (int64_t lag = 1; lag <= lags; lag++)
            u += load(tap - lag * channels, n) * load(here - lag * x_row, n);
        return u;
    }
};

}  // namespace

extern "C" void causal_conv_forward(int64_t total, int64_t channels, int64_t width, const float* x,
                                    int64_t x_row, const float* taps, const float* bias,
                                    const int32_t* place, float* out, int64_t out_row,
                                    int threads) {
    const Conv conv{total, channels, width, x, x_row, taps, bias, place};
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < total; t++) {
        int64_t c = 0;
        for (; c + LANES <= channels; c += LANES)
            store(out + t * out_row + c, silu(conv.at(t, c, LANES)));
        if (const int n = int(channels - c)) store(out + t * out_row + c, silu(conv.at(t, c, n)), n);
    }
}

// d_out to d_x, and sums (width + 1, channels): the gradients of the taps and, last, of the bias.
extern "C" void causal_conv_backward(int64_t total, int64_t channels, int64_t width, const float* x,
                                     int64_t x_row, const float* taps, const float* bias,
                                     const int32_t* place, const float* d_out, int64_t d_out_row,
                                     float* d_x, int64_t d_x_row, float* sums, int threads) {
    const Conv conv{total, channels, width, x, x_row, taps, bias, place};
    const int64_t pieces = (total + ROWS - 1) / ROWS, strips = (channels + STRIP - 1) / STRIP;
    std::vector<float> partial(pieces * (width + 1) * channels);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> du((ROWS + MAX_TAPS) * STRIP);
#pragma omp for collapse(2) schedule(static)
        for (int64_t piece = 0; piece < pieces; piece++)
            for (int64_t strip = 0; strip < strips; strip++) {
                const int64_t first = piece * ROWS, last = std::min(first + ROWS, total);
                const int64_t ahead = std::min(last + width - 1, total);
                const int64_t end = std::min((strip + 1) * STRIP, channels);
                for (int64_t c = strip * STRIP; c < end; c += LANES) {
                    const int n = lanes_left(c, end);
                    float* column = du.data() + (c - strip * STRIP);
                    Vec of_taps[MAX_TAPS] = {}, of_bias = {};
                    for (int64_t t = first; t < ahead; t++) {
                        const Vec u = conv.at(t, c, n);
                        const Vec d = load(d_out + t * d_out_row + c, n) * silu_slope(u, sigmoid(u));
                        store(column + (t - first) * STRIP, d, n);
                        if (t >= last) continue;
                        of_bias += d;
                        const int64_t lags = std::min<int64_t>(width - 1, place[t]);
                        for (int64_t lag = 0; lag <= lags; lag++)
                            of_taps[lag] += d * load(x + (t - lag) * x_row + c, n);
                    }
                    for (int64_t t = first; t < last; t++) {
                        Vec d = {};
                        for (int64_t lag = 0; lag < width && t + lag < total; lag++)
                            if (place[t + lag] >= lag)
                                d += load(taps + (width - 1 - lag) * channels + c, n) *
                                     load(column + (t + lag - first) * STRIP, n);
                        store(d_x + t * d_x_row + c, d, n);
                    }
                    float* own = partial.data() + piece * (width + 1) * channels + c;
                    for (int64_t lag = 0; lag < width; lag++)
                        store(own + (width - 1 - lag) * channels, of_taps[lag], n);
                    store(own + width * channels, of_bias, n);
                }
            }
    }
    std::fill(sums, sums + (width + 1) * channels, 0.0f);
    for (int64_t piece = 0; piece < pieces; piece++)
        for (int64_t i = 0; i < (width + 1) * channels; i++)
            sums[i] += partial[piece * (width + 1) * channels + i];
}
