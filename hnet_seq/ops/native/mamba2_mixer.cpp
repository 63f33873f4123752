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
#include <cmath>

#include "ssd_block.h"
constexpr int ROWS = 128;         // tokens of a group
constexpr int PANEL = 2 * LANES;  // columns of a product that are done side by side
constexpr int MAX_TAPS = 8;

namespace {

struct Mixer {
    int64_t width, inner, state, heads, taps;  // D, I, N, H, W
    const float *conv, *bias;                  // (W, C), the last row of lag 0; (C)
    const float *dt_bias, *A, *D, *norm;
    float eps;
    const float *conv_before, *state_before;   // (S, W - 1, C) and (S, N, I); null: none
    float *conv_after, *state_after;           // the same, or null
    const int32_t* place;                      // where a gradient is wanted, (T); else null
    float* projected;                          // (T, columns()) to keep, or null
    float* kept;                               // (H, N, P) that enter every ``every``-th piece, or null
    int64_t every;

    int64_t channels() const { return inner + 2 * state; }
    int64_t columns() const { return 2 * inner + 2 * state + heads; }
    int64_t wide() const { return 2 * inner + 2 * state; }  // all but step sizes; whole panels
    int64_t row() const { return (columns() + PANEL - 1) / PANEL * PANEL; }
};

// At most Q tokens of a sequence.
struct Piece {
    int64_t start, sequence, before;  // before: tokens of the sequence in front of it
    int count;
    bool last;
    const float* enters;  // (N, I) the state; null where it is zero
    float* leaves;        // null where nobody asks
};

struct Group {
    int64_t start, first, end;  // its first token; pieces
    int count;
};

// Sequences to pieces and groups; returns how many pieces have a successor.
int64_t cut(int64_t sequences, const int32_t* bounds, std::vector<Piece>& pieces,
            std::vector<Group>& groups) {
    int64_t carried = 0;
    for (int64_t s = 0; s < sequences; s++) {
        for (int64_t start = bounds[s]; start < bounds[s + 1]; start += Q) {
            const Piece piece{start, s, start - bounds[s],
                              int(std::min<int64_t>(Q, bounds[s + 1] - start)),
                              start + Q >= bounds[s + 1], nullptr, nullptr};
            carried += !piece.last;
            if (groups.empty() || groups.back().count + piece.count > ROWS)
                groups.push_back({start, int64_t(pieces.size()), 0, 0});
            pieces.push_back(piece);
            groups.back().count += piece.count;
            groups.back().end = int64_t(pieces.size());
        }
    }
    return carried;
}

// Where each piece finds and leaves its state; those that go to a successor take ``slots`` in turn.
void join(const Mixer& mixer, float* states, int64_t slots, std::vector<Piece>& pieces) {
    const int64_t size = mixer.state * mixer.inner;
    const float* enters = nullptr;
    int64_t carried = 0;
    for (Piece& piece : pieces) {
        if (piece.before)
            piece.enters = enters;
        else if (mixer.state_before)
            piece.enters = mixer.state_before + piece.sequence * size;
        if (!piece.last)
            piece.leaves = states + carried++ % slots * size;
        else if (mixer.state_after)
            piece.leaves = mixer.state_after + piece.sequence * size;
        enters = piece.leaves;
    }
}

// (n, k) to panels of (k, PANEL), zeros behind the last row.
void pack(int64_t n, int64_t k, const float* weight, float* packed) {
#pragma omp for schedule(static)
    for (int64_t j = 0; j < n; j += PANEL) {
        float* panel = packed + j * k;
        if (n - j < PANEL) memset(panel, 0, 4 * k * PANEL);
        transpose(int(std::min<int64_t>(PANEL, n - j)), int(k), weight + j * k, k, panel, PANEL);
    }
}

// x (m, k) times a packed matrix to (m, n); n a multiple of LANES.
void times_packed(int m, int64_t k, int64_t n, const float* x, int64_t x_row, const float* packed,
                  float* y, int64_t y_row) {
    for (int64_t j = 0; j < n; j += PANEL)
        product(m, int(std::min<int64_t>(PANEL, n - j)), int(k), Matrix(x, x_row), packed + j * k,
                PANEL, y + j, y_row, false);
}

float scalar_softplus(float x) { return x > 20.0f ? x : std::log1p(std::exp(x)); }

// Rows of x (count, width) to their norm, side by side.
void norm_rows(int count, int64_t width, const float* x, int64_t x_row, const float* weight, float eps,
               float* y) {
    for (int i = 0; i < count; i++, x += x_row, y += width) {
        Vec squares = {};
        for (int64_t c = 0; c < width; c += LANES) squares += load(x + c) * load(x + c);
        const float r = 1.0f / std::sqrt(sum(squares) / width + eps);
        for (int64_t c = 0; c < width; c += LANES) store(y + c, load(x + c) * r * load(weight + c));
    }
}

// What one group is in the middle of.
struct Work {
    const Mixer& mixer;
    const Group& group;
    float* projected;
    int64_t row;            // of it
    float* steps;           // before softplus
    int64_t steps_row;
    float *mixed, *dt, *y;  // rows of C, H and I floats

    // Convolution and SiLU of a row; ``tail``: the rows (W - 1, C) in front of the group.
    void convolve(const Piece& piece, int i, const float* tail) const {
        const int64_t C = mixer.channels(), lags = mixer.taps - 1;
        const int64_t at = piece.start - group.start + i;
        const int64_t seen = mixer.place ? mixer.place[piece.start + i] : piece.before + i;
        const float* lines[MAX_TAPS];
        int64_t count = 0;
        for (; count <= lags; count++) {
            if (count > seen) {
                if (!mixer.conv_before) break;
                lines[count] = mixer.conv_before + (piece.sequence * lags + lags + seen - count) * C;
            } else if (count > at && tail)
                lines[count] = tail + (lags + at - count) * C;
            else
                lines[count] = projected + (at - count) * row + mixer.inner;
        }
        for (int64_t c = 0; c < C; c += LANES) {
            Vec u = load(mixer.bias + c);
            const float* tap = mixer.conv + lags * C + c;
            for (int64_t lag = 0; lag < count; lag++, tap -= C) u += load(tap) * load(lines[lag] + c);
            store(mixed + at * C + c, silu(u));
        }
    }

    // The last inputs of the convolution of a sequence that ends here.
    void keep_inputs(const Piece& piece, const float* tail) const {
        const int64_t C = mixer.channels(), lags = mixer.taps - 1;
        const int64_t at = piece.start - group.start + piece.count;
        const int64_t seen = piece.before + piece.count;
        float* out = mixer.conv_after + piece.sequence * lags * C;
        for (int64_t lag = lags; lag >= 1; lag--, out += C) {
            const float* from;
            if (lag > seen)
                from = mixer.conv_before + (piece.sequence * lags + lags + seen - lag) * C;
            else if (lag > at)
                from = tail + (lags + at - lag) * C;
            else
                from = projected + (at - lag) * row + mixer.inner;
            memcpy(out, from, 4 * C);
        }
    }

    Scan scan(const Piece& piece) const {
        static const struct Places {
            int32_t fresh[Q], carried[Q];
            Places() {
                for (int i = 0; i < Q; i++) fresh[i] = i, carried[i] = Q + i;
            }
        } places;
        const int64_t at = piece.start - group.start, C = mixer.channels();
        const float* x = mixed + at * C;
        const int32_t* place = piece.enters ? places.carried : places.fresh;
        return {piece.count, int(mixer.heads), int(mixer.inner / mixer.heads), int(mixer.state), x, C,
                dt + at * mixer.heads, mixer.A, x + mixer.inner, x + mixer.inner + mixer.state, C,
                mixer.D, mixer.place ? mixer.place + piece.start : place};
    }

    // Step sizes of a piece.
    void step_sizes(const Piece& piece) const {
        const int64_t at = piece.start - group.start, H = mixer.heads;
        for (int64_t i = at; i < at + piece.count; i++)
            for (int64_t h = 0; h < H; h++) dt[i * H + h] = steps[i * steps_row + h] + mixer.dt_bias[h];
        float* own = dt + at * H;
        if (!mixer.place) {  // to the last bit what it was before there was a faster one
            for (int64_t i = 0; i < piece.count * H; i++) own[i] = scalar_softplus(own[i]);
            return;
        }
        for (int64_t i = 0; i < piece.count * H; i += LANES) {
            const int n = lanes_left(i, piece.count * H);
            store(own + i, softplus(load(own + i, n)), n);
        }
    }

    void keep_state(const Piece& piece, int64_t number) const {
        const int64_t I = mixer.inner, N = mixer.state, width = I / mixer.heads;
        if (!mixer.kept || number % mixer.every || !piece.enters) return;
        float* to = mixer.kept + number / mixer.every * N * I;
        for (int64_t h = 0; h < mixer.heads; h++)
            for (int64_t n = 0; n < N; n++)
                memcpy(to + (h * N + n) * width, piece.enters + n * I + h * width, 4 * width);
    }

    // The piece's own part of the state that leaves it, and by what it multiplies the entering one.
    void add_state(const Piece& piece, float* X, float* through) const {
        const Scan own = scan(piece);
        const Block block(own, 0);
        for (int h = 0; h < own.heads; h++) {
            const Decays decays(own, block, h);
            through[h] = decays.through;
            own_state(own, block, h, decays, X, piece.leaves + h * own.width, mixer.inner);
        }
    }

    // y to the norm of y silu(z), in place.
    void normalise() const {
        const int64_t I = mixer.inner;
        for (int i = 0; i < group.count; i++) {
            float* own = y + i * I;
            const float* z = projected + i * row;
            Vec squares = {};
            for (int64_t c = 0; c < I; c += LANES) {
                const Vec value = load(own + c) * silu(load(z + c));
                squares += value * value;
                store(own + c, value);
            }
            const float r = 1.0f / std::sqrt(sum(squares) / I + mixer.eps);
            for (int64_t c = 0; c < I; c += LANES)
                store(own + c, load(own + c) * r * load(mixer.norm + c));
        }
    }
};

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
