// Convolution, scan and gated norm of a Mamba-2 mixer back, from what was projected alone; notation
// of the scan in ssd.h.
//
// All that the forward pass made in between is made again, a span of blocks at a time and from the
// last to the first: the state that entered a span was kept, and everything else stays in the cache.
// Sums over tokens are taken in blocks and added in one order, whatever the number of threads.
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

    static int64_t floats(const Weights& w) {
        return ((w.taps + 1) * w.channels() + w.inner + 3 * w.heads + 15) / 16 * 16;
    }
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

    // What the scan takes; and the slope of SiLU, by which what it gives back is multiplied.
    void convolve() const {
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

// projected (T, 2 I + 2 N + H): gate, x, B, C and step sizes. kept: the states (H, N, P) that enter
// every ``every``-th block of Q tokens. out (T, I) has the gradient of the norm's output and gets the
// output. d_sums has what Sums has. I / H and N are multiples of 16.
extern "C" void mamba2_mix_backward(int64_t total, int64_t inner, int64_t state, int64_t heads,
                                    int64_t taps, const float* projected, const float* conv,
                                    const float* bias, const float* dt_bias, const float* A,
                                    const float* D, const float* norm, float eps,
                                    const int32_t* place, const float* kept, int64_t every,
                                    float* out, float* d_projected, float* d_sums, int threads) {
    const Weights weights{inner, state, heads, taps, conv, bias, dt_bias, A, D, norm, eps};
    const int64_t blocks = (total + Q - 1) / Q, channels = weights.channels();
    const int64_t columns = weights.columns(), wide = line(channels);
    const int64_t size = state * (inner / heads), row = heads * size;
    // Threads have four blocks each where there are so many.
    const int64_t span = std::min(blocks, (std::max<int64_t>(every, 4 * threads) + every - 1) / every * every);
    const int64_t sums = Sums::floats(weights), steps = (Q * heads + 15) / 16 * 16;
    const int64_t each = Q * (2 * wide + inner) + steps + sums;
    Scratch shared(2 * (span + 1) * row + span * each + MAX_TAPS * wide);
    float *states = shared.take((span + 1) * row), *d_states = shared.take((span + 1) * row);
    float *buffers = shared.take(span * each), *ahead = shared.take(MAX_TAPS * wide);
    std::vector<float> through(span * heads);
    std::fill(d_sums, d_sums + sums, 0.0f);
    const auto work = [&](int64_t b) {
        float* own = buffers + b % span * each;
        float *mixed = own, *slope = mixed + Q * wide, *d_y = slope + Q * wide, *dt = d_y + Q * inner;
        const int64_t start = b * Q;
        return Work{weights, start, total, int(std::min<int64_t>(Q, total - start)), place + start,
                    projected + start * columns, out + start * inner, d_projected + start * columns,
                    mixed, slope, dt, d_y, Sums(weights, dt + steps)};
    };
#pragma omp parallel num_threads(threads)
    {
        const Scan shape{0, int(heads), int(inner / heads), int(state)};
        Scratch scratch(BlockBackward::floats(shape) + BlockOutputs::floats(shape) + (Q + 2) * inner);
        const BlockBackward back(shape, scratch);
        const BlockOutputs outputs(shape, scratch);
        float *y = scratch.take(Q * inner), *values = scratch.take(inner), *sigmoids = scratch.take(inner);
        for (int64_t first = (blocks - 1) / span * span; first >= 0; first -= span) {
            const int64_t end = std::min(first + span, blocks), count = end - first;
            // What leaves the last block of this span enters the first of the span done before.
#pragma omp for schedule(static)
            for (int64_t h = 0; h < heads; h++) {
                memcpy(states + h * size, kept + first / every * row + h * size, 4 * size);
                if (end < blocks)
                    memcpy(d_states + count * row + h * size, d_states + h * size, 4 * size);
                else
                    memset(d_states + count * row + h * size, 0, 4 * size);
            }
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++) {
                const Work own = work(b);
                own.convolve();
                const Scan scan = own.scan();
                const Block block(scan, 0);
                for (int h = 0; h < heads; h++) {
                    const Decays decays(scan, block, h);
                    through[(b - first) * heads + h] = decays.through;
                    own_state(scan, block, h, decays, y, states + (b + 1 - first) * row + h * size,
                              scan.width);
                }
            }
#pragma omp for schedule(static)
            for (int64_t piece = 0; piece < row; piece += PIECE)
                for (int64_t b = 0; b < count; b++)
                    carry(through[b * heads + piece / size], states + b * row, states + (b + 1) * row,
                          piece, piece + PIECE);
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++) {
                const Work own = work(b);
                const Scan scan = own.scan();
                const Block block(scan, 0);
                outputs(scan, block, states + (b - first) * row, size, scan.width, y, inner);
                own.normalise(y, values, sigmoids);
                for (int h = 0; h < heads; h++)
                    back.of_entering(scan, block, h, Decays(scan, block, h), own.d_y, inner,
                                     d_states + (b - first) * row + h * size);
            }
#pragma omp for schedule(static)
            for (int64_t piece = 0; piece < row; piece += PIECE)
                for (int64_t b = count - 1; b >= 0; b--)
                    carry(through[b * heads + piece / size], d_states + (b + 1) * row,
                          d_states + b * row, piece, piece + PIECE);
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++) {
                const Work own = work(b);
                const Scan scan = own.scan();
                const int64_t at = b - first;
                float *d_B = own.mixed + inner, *d_C = d_B + state;
                back(scan, Block(scan, 0), states + at * row, states + (at + 1) * row,
                     d_states + (at + 1) * row, own.d_y, inner, own.mixed, wide, own.dt, d_B, d_C,
                     wide, own.sums.A, own.sums.D);
                own.before_activation();
            }
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++)
                work(b).convolve_back(b + 1 < end ? work(b + 1).mixed : ahead);
#pragma omp single
            {
                memcpy(ahead, work(first).mixed, 4 * (MAX_TAPS - 1) * wide);
                for (int64_t b = end - 1; b >= first; b--) {
                    const float* own = work(b).sums.conv;
                    for (int64_t i = 0; i < sums; i += LANES)
                        store(d_sums + i, load(d_sums + i) + load(own + i));
                }
            }
        }
    }
}
