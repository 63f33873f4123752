// What a whole Mamba-2 mixer is cut into, and what is done with a group of tokens; see mamba2_mixer.cpp.
#pragma once
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

}  // namespace
