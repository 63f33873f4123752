// Convolution, scan and gated norm of a Mamba-2 mixer back, from what was projected alone; notation
// of the scan in ssd.h.
//
// All that the forward pass made in between is made again: the states of a span of blocks, for the one
// that entered it was kept; then, from the last to the first, the rest of a group of its blocks, so
// that it stays in the cache.
// Sums over tokens are taken in blocks and added in one order, whatever the number of threads.
#include "mamba2_backward.h"

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
    const int64_t sums = Sums::floats(weights), steps = (Q * heads + 15) / 16 * 16;
    const int64_t numbers = Sums::numbers(weights);  // the rest of ``sums`` is written by nobody
    std::fill(d_sums, d_sums + sums, 0.0f);
    if (!blocks) return;
    // Threads have four blocks each where there are so many; one has them one by one.
    const int64_t group = std::min<int64_t>(blocks, threads == 1 ? 1 : 4 * threads);
    const int64_t span = std::min(blocks, (std::max(every, group) + every - 1) / every * every);
    const int64_t each = Q * (2 * wide + inner) + steps + sums;
    Scratch shared((span + 1) * row + (group + 1) * row + group * each + MAX_TAPS * wide);
    float *states = shared.take((span + 1) * row), *d_states = shared.take((group + 1) * row);
    float *buffers = shared.take(group * each), *ahead = shared.take(MAX_TAPS * wide);
    std::vector<float> through(span * heads);
    const auto work = [&](int64_t b) {
        float* own = buffers + b % group * each;
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
            const int64_t end = std::min(first + span, blocks);
            const int64_t last = first + (end - first - 1) / group * group;  // where the last group begins
#pragma omp for schedule(static)
            for (int64_t h = 0; h < heads; h++)
                memcpy(states + h * size, kept + first / every * row + h * size, 4 * size);
            for (int64_t begin = first; begin < end; begin += group) {
                const int64_t behind = std::min(begin + group, end);
#pragma omp for schedule(static)
                for (int64_t b = begin; b < behind; b++) {
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
            }
#pragma omp for schedule(static)
            for (int64_t piece = 0; piece < row; piece += PIECE)
                for (int64_t b = first; b < end; b++) {
                    float* after = states + (b + 1 - first) * row;
                    const int64_t next = b + 1;
                    // Made again they differ by rounding; how many fit a span must not be seen.
                    if (next % every == 0 && next < blocks)
                        memcpy(after + piece, kept + next / every * row + piece, 4 * PIECE);
                    else
                        carry(through[(b - first) * heads + piece / size], states + (b - first) * row, after,
                              piece, piece + PIECE);
                }
            for (int64_t begin = last; begin >= first; begin -= group) {
                const int64_t behind = std::min(begin + group, end);
                // What leaves the last block of this group enters the first of the group done before.
#pragma omp for schedule(static)
                for (int64_t h = 0; h < heads; h++) {
                    float* leaving = d_states + (behind - begin) * row + h * size;
                    if (behind < blocks)
                        memcpy(leaving, d_states + h * size, 4 * size);
                    else
                        memset(leaving, 0, 4 * size);
                }
#pragma omp for schedule(static)
                for (int64_t b = begin; b < behind; b++) {
                    const Work own = work(b);
                    if (begin < last) own.convolve();  // another group has been there since
                    const Scan scan = own.scan();
                    const Block block(scan, 0);
                    outputs(scan, block, states + (b - first) * row, size, scan.width, y, inner);
                    own.normalise(y, values, sigmoids);
                    for (int h = 0; h < heads; h++)
                        back.of_entering(scan, block, h, Decays(scan, block, h), own.d_y, inner,
                                         d_states + (b - begin) * row + h * size);
                }
#pragma omp for schedule(static)
                for (int64_t piece = 0; piece < row; piece += PIECE)
                    for (int64_t b = behind - 1; b >= begin; b--)
                        carry(through[(b - first) * heads + piece / size], d_states + (b + 1 - begin) * row,
                              d_states + (b - begin) * row, piece, piece + PIECE);
#pragma omp for schedule(static)
                for (int64_t b = begin; b < behind; b++) {
                    const Work own = work(b);
                    const Scan scan = own.scan();
                    float *d_B = own.mixed + inner, *d_C = d_B + state;
                    back(scan, Block(scan, 0), states + (b - first) * row, states + (b + 1 - first) * row,
                         d_states + (b + 1 - begin) * row, own.d_y, inner, own.mixed, wide, own.dt, d_B,
                         d_C, wide, own.sums.A, own.sums.D);
                    own.before_activation();
                }
#pragma omp for schedule(static)
                for (int64_t b = begin; b < behind; b++)
                    work(b).convolve_back(b + 1 < behind ? work(b + 1).mixed : ahead);
#pragma omp single
                {
                    memcpy(ahead, work(begin).mixed, 4 * (MAX_TAPS - 1) * wide);
                    for (int64_t b = behind - 1; b >= begin; b--) {
                        const float* own = work(b).sums.conv;
                        for (int64_t i = 0; i < numbers; i += LANES) {
                            const int n = lanes_left(i, numbers);
                            store(d_sums + i, load(d_sums + i, n) + load(own + i, n), n);
                        }
                    }
                }
            }
        }
    }
}
