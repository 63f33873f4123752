// A whole Mamba-2 mixer: projection, convolution, scan, gated norm, projection. Notation of the scan
// in ssd.h.
//
// A group of tokens goes through all of it while what it makes is in the cache; between groups only
// states are carried. Blocks of the scan begin anew with each sequence, so in this kernel neither
// what else is packed nor the number of threads changes a bit of a sequence's result. Of a layer that
// holds for calls that all come here: the fewest tokens take its operations one by one, which round
// otherwise (hnet_seq/ops/mamba2/inference.py).
//
// Where a gradient is wanted (mamba2_layer) a norm comes first, blocks go over the bounds of
// sequences, and what was projected is kept with the state in every so many blocks: of those
// mamba2_backward.cpp makes the rest again.
#include "mamba2_mixer.h"

namespace {

// x (T, D) to out (T, D), of sequences within bounds. first_norm (D): of x before all, or null.
void run(const Mixer& mixer, int64_t sequences, const int32_t* bounds, const float* x, int64_t x_row,
         const float* first_norm, const float* in_weight, const float* out_weight, float* out,
         int threads) {
    const int64_t width = mixer.width, inner = mixer.inner, state = mixer.state, heads = mixer.heads;
    const int64_t row = mixer.row(), wide = mixer.wide(), channels = mixer.channels();
    const int64_t lags = mixer.taps - 1, columns = mixer.columns();
    std::vector<Piece> pieces;
    std::vector<Group> groups;
    const int64_t carried = cut(sequences, bounds, pieces, groups);
    const int64_t count = int64_t(groups.size());
    if (!count) return;
    // Working memory is that of the input where this has less to do than the threads could.
    threads = int(std::min<int64_t>(threads, count));
    const int64_t span = threads == 1 ? 1 : std::min<int64_t>(4 * threads, count);
    // What a span hands on, and what entered it; only full blocks have a successor.
    const int64_t slots = std::min(span * (ROWS / Q), carried) + 1;
    Scratch states(slots * state * inner);
    join(mixer, states.memory, slots, pieces);
    std::vector<float> through(pieces.size() * heads), tails((span + 1) * lags * channels);
    const int64_t own_row = mixer.projected ? row - wide : row;  // of what is not kept
    const int64_t each = ROWS * (own_row + channels + heads + inner);
    Scratch shared(row * width + (width + PANEL) * inner + span * each);
    float *in_packed = shared.take(row * width), *out_packed = shared.take((width + PANEL) * inner);
    float* buffers = shared.take(span * each);
    const auto work = [&](int64_t g) {
        float* own = buffers + g % span * each;
        float* mixed = own + ROWS * own_row;
        float* y = mixed + ROWS * channels;
        float* dt = y + ROWS * inner;
        if (!mixer.projected) return Work{mixer, groups[g], own, row, own + wide, row, mixed, dt, y};
        float* kept = mixer.projected + groups[g].start * columns;
        return Work{mixer, groups[g], kept, columns, own, own_row, mixed, dt, y};
    };
    // The last inputs of the convolution in a group, for what goes on in the next one.
    const auto tail = [&](int64_t g) -> float* {
        return mixer.projected ? nullptr : tails.data() + (g + 1) % (span + 1) * lags * channels;
    };
#pragma omp parallel num_threads(threads)
    {
        pack(columns, width, in_weight, in_packed);
        pack(width, inner, out_weight, out_packed);
        Scratch scratch(Q * (state + inner / heads + 2 * Q) + (first_norm ? ROWS * width : 0));
        const BlockOutputs outputs(Scan{0, int(heads), int(inner / heads), int(state)}, scratch);
        float* normed = first_norm ? scratch.take(ROWS * width) : nullptr;
        for (int64_t first = 0; first < count; first += span) {
            const int64_t end = std::min(first + span, count);
#pragma omp for schedule(static)
            for (int64_t g = first; g < end; g++) {
                const Work own = work(g);
                const float* in = x + own.group.start * x_row;
                int64_t in_row = x_row;
                if (first_norm) {
                    norm_rows(own.group.count, width, in, x_row, first_norm, mixer.eps, normed);
                    in = normed, in_row = width;
                }
                times_packed(own.group.count, width, wide, in, in_row, in_packed, own.projected, own.row);
                times_packed(own.group.count, width, row - wide, in, in_row, in_packed + wide * width,
                             own.steps, own.steps_row);
                if (mixer.projected) {
                    for (int i = 0; i < own.group.count; i++)
                        memcpy(own.projected + i * own.row + wide, own.steps + i * own.steps_row,
                               4 * heads);
                    continue;
                }
                for (int64_t lag = std::min<int64_t>(lags, own.group.count); lag >= 1; lag--)
                    memcpy(tail(g) + (lags - lag) * channels,
                           own.projected + (own.group.count - lag) * row + inner, 4 * channels);
            }
#pragma omp for schedule(static)
            for (int64_t g = first; g < end; g++) {
                const Work own = work(g);
                for (int64_t k = own.group.first; k < own.group.end; k++) {
                    const Piece& piece = pieces[k];
                    for (int i = 0; i < piece.count; i++) own.convolve(piece, i, tail(g - 1));
                    own.step_sizes(piece);
                    if (piece.last && mixer.conv_after) own.keep_inputs(piece, tail(g - 1));
                    if (piece.leaves) own.add_state(piece, outputs.X, through.data() + k * heads);
                }
            }
#pragma omp for schedule(static)
            for (int64_t n = 0; n < state; n++)
                for (int64_t k = groups[first].first; k < groups[end - 1].end; k++) {
                    const Piece& piece = pieces[k];
                    if (!piece.leaves || !piece.enters) continue;
                    for (int64_t i = n * inner; i < (n + 1) * inner; i += LANES) {
                        const float d = through[k * heads + (i - n * inner) / (inner / heads)];
                        store(piece.leaves + i, load(piece.leaves + i) + load(piece.enters + i) * d);
                    }
                }
#pragma omp for schedule(static)
            for (int64_t g = first; g < end; g++) {
                const Work own = work(g);
                for (int64_t k = own.group.first; k < own.group.end; k++) {
                    const Piece& piece = pieces[k];
                    const Scan scan = own.scan(piece);
                    own.keep_state(piece, k);
                    outputs(scan, Block(scan, 0), piece.enters, inner / heads, inner,
                            own.y + (piece.start - own.group.start) * inner, inner);
                }
                own.normalise();
                times_packed(own.group.count, inner, width, own.y, inner, out_packed,
                             out + own.group.start * width, width);
            }
        }
    }
}

}  // namespace

// x (T, D) to out (T, D). in_weight (2 I + 2 N + H, D): gate, x, B, C and step sizes; out_weight (D, I).
// D, I / H and N are multiples of 16. The states of sequences that go on come and leave, or are null.
extern "C" void mamba2_mixer(int64_t total, int64_t sequences, const int32_t* bounds, int64_t width,
                             int64_t inner, int64_t state, int64_t heads, int64_t taps,
                             const float* x, int64_t x_row, const float* in_weight,
                             const float* conv, const float* bias, const float* dt_bias,
                             const float* A, const float* D, const float* norm, float eps,
                             const float* out_weight, float* out, const float* conv_before,
                             const float* state_before, float* conv_after, float* state_after,
                             int threads) {
    const Mixer mixer{width, inner,       state,        heads,      taps,        conv,    bias,
                      dt_bias, A,         D,            norm,       eps,         conv_before,
                      state_before, conv_after, state_after, nullptr, nullptr, nullptr, 0};
    run(mixer, sequences, bounds, x, x_row, nullptr, in_weight, out_weight, out, threads);
}

// x (T, D) normed and mixed to out (T, D). Kept for mamba2_mix_backward: projected (T, 2 I + 2 N + H)
// and kept (H, N, P) of every ``every``-th block; where nothing enters a block it is left as it is.
extern "C" void mamba2_layer(int64_t total, int64_t width, int64_t inner, int64_t state, int64_t heads,
                             int64_t taps, const float* x, int64_t x_row, const float* first_norm,
                             const float* in_weight, const float* conv, const float* bias,
                             const float* dt_bias, const float* A, const float* D, const float* norm,
                             float eps, const float* out_weight, const int32_t* place, float* out,
                             float* projected, float* kept, int64_t every, int threads) {
    const Mixer mixer{width, inner,   state,   heads,   taps,    conv,    bias,  dt_bias,   A,    D,
                      norm,  eps,     nullptr, nullptr, nullptr, nullptr, place, projected, kept, every};
    const int32_t bounds[] = {0, int32_t(total)};
    run(mixer, 1, bounds, x, x_row, first_norm, in_weight, out_weight, out, threads);
}
