// The Mamba-2 scan in matrix-product form (Dao and Gu 2024, section 6), forward and back.
//
// Notation, per block of Q tokens and head, with X = dt x, and s the running sum of dt A inside the
// block, from zero in each sequence:
//     K_ij = <C_i, B_j> exp(s_i - s_j) for visible j <= i      E_i = exp(s_i) where S reaches i
//     Y = K X + E (C S) + D x                                  W_j = exp(s_Q - s_j) where j reaches S'
//     S' = d S + B' (W X)                                      d = exp(s_Q) where S reaches S'
// Blocks are done side by side; between them only the states are carried, in order. Nothing of size
// (Q, Q) leaves the cache: the backward pass makes it again. It works on transposes (tokens along
// the rows), so that the sums over state and head widths that make the gradient of s are sums of
// vectors, and four products of a head's state suffice.
//
// The gradient of s_i is the sum over row i of dK * K minus that over column i, without the
// diagonal, which cancels, plus what the states add. It is summed from the end of the block to
// each token of the same sequence.
#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <vector>

#include "product.h"

constexpr int Q = 64;
constexpr int PIECE = 64;  // floats of a state; sizes are multiples of it

namespace {

struct Scan {
    int64_t total;
    int heads, width, state;  // H, P, N
    const float* x;
    int64_t x_row;
    const float *dt, *A, *B, *C;
    int64_t maps_row;  // of B and of C
    const float* D;
    const int32_t* place;  // tokens of the same sequence before each token

    int64_t blocks() const { return (total + Q - 1) / Q; }
    int64_t state_size() const { return int64_t(state) * width; }
};

// One thread's working memory, cut from one allocation.
struct Scratch {
    size_t left;
    float *memory, *next;
    explicit Scratch(size_t floats)
        : left(floats), memory(static_cast<float*>(std::aligned_alloc(64, 4 * floats))), next(memory) {
        assert(memory);
    }
    ~Scratch() { std::free(memory); }
    // A multiple of 16 floats: all that is taken is aligned.
    float* take(size_t floats) {
        assert(floats <= left);
        left -= floats;
        next += floats;
        return next - floats;
    }
};

// What a block is, beside its numbers.
struct Block {
    int64_t start;
    int count;           // tokens; Q but for the last block
    int first[Q];        // the first token of the block that each one sees
    int seen_until[Q];   // behind the last token that sees this one
    bool from_left[Q];   // the entering state reaches the token
    int to_right;        // the first token that reaches the leaving state
    bool through;

    Block(const Scan& scan, int64_t number) : start(number * Q) {
        count = int(std::min<int64_t>(Q, scan.total - start));
        for (int i = 0; i < count; i++) {
            const int32_t place = scan.place[start + i];
            first[i] = std::max(0, i - place);
            from_left[i] = place > i;
        }
        for (int i = Q - 1; i >= 0; i--) {
            if (i >= count) seen_until[i] = 0;
            else seen_until[i] = i + 1 < count && first[i + 1] <= i ? seen_until[i + 1] : i + 1;
        }
        to_right = first[count - 1];
        through = from_left[count - 1];
    }
};

// Decays of one head in a block. Tokens behind the last are as if they were not there.
struct Decays {
    float s[Q], enter[Q], leave[Q], through;

    Decays(const Scan& scan, const Block& block, int head) {
        float sum = 0;
        for (int i = 0; i < block.count; i++) {
            // From zero in each sequence: what a decay loses to rounding is its own sequence's.
            if (block.first[i] == i) sum = 0;
            sum += scan.dt[(block.start + i) * scan.heads + head] * scan.A[head];
            s[i] = sum;
        }
        for (int i = block.count; i < Q; i++) s[i] = sum;
        for (int i = 0; i < Q; i += LANES) {
            store(enter + i, exp(load(s + i)));
            store(leave + i, exp(all(sum) - load(s + i)));
        }
        through = block.through ? enter[block.count - 1] : 0;
        for (int i = 0; i < Q; i++) {
            if (i >= block.count || !block.from_left[i]) enter[i] = 0;
            if (i >= block.count || i < block.to_right) leave[i] = 0;
        }
    }
};

// Rows of a block, zeros where it has fewer than Q.
void gather(const Block& block, const float* from, int64_t row, int width, float* to) {
    for (int i = 0; i < Q; i++) {
        float* out = to + i * width;
        if (i < block.count)
            memcpy(out, from + (block.start + i) * row, 4 * width);
        else
            memset(out, 0, 4 * width);
    }
}

// X = dt x (Q, P), times ``factor`` where that is given; zeros behind the last token.
void scaled_input(const Scan& scan, const Block& block, int head, const float* factor, float* X) {
    for (int i = 0; i < Q; i++) {
        float* out = X + i * scan.width;
        if (i >= block.count) {
            memset(out, 0, 4 * scan.width);
            continue;
        }
        const float* in = scan.x + (block.start + i) * scan.x_row + head * scan.width;
        float dt = scan.dt[(block.start + i) * scan.heads + head];
        if (factor) dt *= factor[i];
        for (int p = 0; p < scan.width; p += LANES) store(out + p, load(in + p) * dt);
    }
}

// to = rows of ``from`` (Q, width), each times its factor.
void scale_rows(const float* from, const float* factor, int width, float* to) {
    for (int i = 0; i < Q; i++)
        for (int p = 0; p < width; p += LANES)
            store(to + i * width + p, load(from + i * width + p) * factor[i]);
}

// L[j][i] = exp(s_i - s_j) where token i sees j, else 0, for i from the vector of j on; times
// ``factor`` where that is given. Left of that vector nothing is written.
void decay_rows(const Block& block, const float* s, const float* factor, float* L) {
    for (int j = 0; j < Q; j++) {
        const int last = block.seen_until[j];
        for (int i = j / LANES * LANES; i < Q; i += LANES) {
            Vec decay = {};
            if (i < last) {
                const IntVec token = lanes_from(i);
                decay = exp(load(s + i) - s[j]);
                decay = ((token >= j) & (token < last)) ? decay : Vec{};
                if (factor) decay *= load(factor + j * Q + i);
            }
            store(L + j * Q + i, decay);
        }
    }
}

}  // namespace

// states (blocks + 1, H, N, P): states[b] enters block b, and states[0] is given. P and N are multiples
// of 16. So many blocks as the span are done before their successors are begun, while what they read
// is in the cache.
extern "C" void ssd_forward(int64_t total, int64_t heads, int64_t width, int64_t state,
                            const float* x, int64_t x_row, const float* dt, const float* A,
                            const float* B, const float* C, int64_t maps_row, const float* D,
                            const int32_t* place, float* y, int64_t y_row, float* states,
                            int64_t span, int threads) {
    const Scan scan{total, int(heads), int(width), int(state), x, x_row, dt, A, B, C, maps_row,
                    D,     place};
    const int64_t blocks = scan.blocks(), size = scan.state_size(), row = heads * size;
    std::vector<float> through(blocks * heads);
#pragma omp parallel num_threads(threads)
    {
        Scratch scratch(Q * (3 * state + width + 2 * Q));
        float *Bq = scratch.take(Q * state), *Ct = scratch.take(Q * state);
        float *CE = scratch.take(Q * state), *X = scratch.take(Q * width);
        float *products = scratch.take(Q * Q), *K = scratch.take(Q * Q);
        for (int64_t first = 0; first < blocks; first += span) {
            const int64_t end = std::min(first + span, blocks);
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++) {
                const Block block(scan, b);
                gather(block, B, maps_row, state, Bq);
                for (int h = 0; h < heads; h++) {
                    const Decays decays(scan, block, h);
                    through[b * heads + h] = decays.through;
                    scaled_input(scan, block, h, decays.leave, X);
                    product(state, width, Q, Matrix(Bq, 1, state), X, width,
                            states + (b + 1) * row + h * size, width, false);
                }
            }
#pragma omp for schedule(static)
            for (int64_t piece = 0; piece < row; piece += PIECE)
                for (int64_t b = first; b < end; b++) {
                    const float d = through[b * heads + piece / size];
                    const float* before = states + b * row + piece;
                    float* after = states + (b + 1) * row + piece;
                    for (int i = 0; i < PIECE; i += LANES)
                        store(after + i, load(before + i) * d + load(after + i));
                }
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++) {
                const Block block(scan, b);
                gather(block, B, maps_row, state, Bq);
                gather(block, C, maps_row, state, CE);
                transpose(Q, state, CE, state, Ct, Q);
                product<UPPER_RESULT>(Q, Q, state, Matrix(Bq, state), Ct, Q, products, Q, false);
                memset(K, 0, 4 * Q * Q);
                for (int h = 0; h < heads; h++) {
                    const Decays decays(scan, block, h);
                    scaled_input(scan, block, h, nullptr, X);
                    decay_rows(block, decays.s, products, K);
                    float* out = y + block.start * y_row + h * width;
                    for (int i = 0; i < block.count; i++) {
                        const float* in = x + (block.start + i) * x_row + h * width;
                        for (int p = 0; p < width; p += LANES)
                            store(out + i * y_row + p, load(in + p) * D[h]);
                    }
                    // Rows of K are the tokens that are seen: element (i, j) lies at [j][i].
                    product<LOWER>(block.count, width, Q, Matrix(K, 1, Q), X, width, out, y_row,
                                   true);
                    for (int i = 0; i < block.count; i++)
                        for (int n = 0; n < state; n += LANES)
                            store(CE + i * state + n,
                                  load(C + (block.start + i) * maps_row + n) * decays.enter[i]);
                    product(block.count, width, state, Matrix(CE, state),
                            states + b * row + h * size, width, out, y_row, true);
                }
            }
        }
    }
}

// Gradients; d_A and d_D are (H). So many blocks as the span are done side by side; d_states is
// working memory for the gradients of the states that enter them and, last, of the one that leaves.
extern "C" void ssd_backward(int64_t total, int64_t heads, int64_t width, int64_t state, const float* x,
                             int64_t x_row, const float* dt, const float* A, const float* B,
                             const float* C, int64_t maps_row, const float* D, const int32_t* place,
                             const float* states, const float* d_y, int64_t d_y_row, float* d_x,
                             int64_t d_x_row, float* d_dt, float* d_A, float* d_B, float* d_C,
                             int64_t d_maps_row, float* d_D, int64_t span, float* d_states,
                             int threads) {
    const Scan scan{total, int(heads), int(width), int(state), x, x_row, dt, A, B, C, maps_row, D, place};
    const int64_t blocks = scan.blocks(), size = scan.state_size(), row = heads * size;
    std::vector<float> through(blocks * heads), of_A(blocks * heads), of_D(blocks * heads);
#pragma omp parallel num_threads(threads)
    {
        Scratch scratch(Q * (9 * state + 5 * width + 5 * Q));
        float *Bq = scratch.take(Q * state), *Cq = scratch.take(Q * state);
        float *Bt = scratch.take(Q * state), *Ct = scratch.take(Q * state);
        float *dBt = scratch.take(Q * state), *dCt = scratch.take(Q * state);
        float *G = scratch.take(Q * state), *dBq = scratch.take(Q * state);
        float *X = scratch.take(Q * width), *Xt = scratch.take(Q * width);
        float *dY = scratch.take(Q * width), *dYt = scratch.take(Q * width);
        float *dX = scratch.take(Q * width), *BW = scratch.take(Q * state);
        float *products = scratch.take(Q * Q), *K = scratch.take(Q * Q), *L = scratch.take(Q * Q);
        float *dK = scratch.take(Q * Q), *d_products = scratch.take(Q * Q);
        for (int64_t end = blocks; end > 0; end -= std::min(end, span)) {
            const int64_t first = end - std::min(end, span), count = end - first;
            // What leaves the last block of this span enters the first of the span done before.
            if (end < blocks) {
#pragma omp for schedule(static)
                for (int64_t h = 0; h < heads; h++)
                    memcpy(d_states + count * row + h * size, d_states + h * size, 4 * size);
            } else {
#pragma omp for schedule(static)
                for (int64_t h = 0; h < heads; h++)
                    memset(d_states + count * row + h * size, 0, 4 * size);
            }
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++) {
                const Block block(scan, b);
                gather(block, C, maps_row, state, Cq);
                for (int h = 0; h < heads; h++) {
                    const Decays decays(scan, block, h);
                    through[b * heads + h] = decays.through;
                    gather(block, d_y + h * width, d_y_row, width, dY);
                    scale_rows(dY, decays.enter, width, dY);
                    product(state, width, Q, Matrix(Cq, 1, state), dY, width,
                            d_states + (b - first) * row + h * size, width, false);
                }
            }
#pragma omp for schedule(static)
            for (int64_t piece = 0; piece < row; piece += PIECE)
                for (int64_t b = end - 1; b >= first; b--) {
                    const float d = through[b * heads + piece / size];
                    const float* after = d_states + (b + 1 - first) * row + piece;
                    float* before = d_states + (b - first) * row + piece;
                    for (int i = 0; i < PIECE; i += LANES)
                        store(before + i, load(after + i) * d + load(before + i));
                }
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++) {
                const Block block(scan, b);
                gather(block, B, maps_row, state, Bq);
                gather(block, C, maps_row, state, Cq);
                transpose(Q, state, Bq, state, Bt, Q);
                transpose(Q, state, Cq, state, Ct, Q);
                product<UPPER_RESULT>(Q, Q, state, Matrix(Bq, state), Ct, Q, products, Q, false);
                memset(d_products, 0, 4 * Q * Q);
                memset(K, 0, 4 * Q * Q);
                memset(dBt, 0, 4 * Q * state);
                memset(dCt, 0, 4 * Q * state);
                for (int h = 0; h < heads; h++) {
                    const Decays decays(scan, block, h);
                    const float* entering = states + b * row + h * size;
                    const float* leaving = states + (b + 1) * row + h * size;
                    const float* d_leaving = d_states + (b + 1 - first) * row + h * size;
                    float ds[Q] = {}, d_decay[Q];
                    scaled_input(scan, block, h, nullptr, X);
                    gather(block, d_y + h * width, d_y_row, width, dY);
                    transpose(Q, width, X, width, Xt, Q);
                    transpose(Q, width, dY, width, dYt, Q);
                    decay_rows(block, decays.s, nullptr, L);

                    // Rows of dK and K are the tokens j that are seen, columns those that see.
                    product<UPPER_RESULT>(Q, Q, width, Matrix(X, width), dYt, Q, dK, Q, false);
                    for (int j = 0; j < Q; j++) {
                        Vec seen = {};
                        for (int i = j / LANES * LANES; i < Q; i += LANES) {
                            const int64_t at = j * Q + i;
                            const Vec decayed = load(dK + at) * load(L + at);
                            Vec pair = decayed * load(products + at);
                            store(K + at, load(L + at) * load(products + at));
                            store(d_products + at, load(d_products + at) + decayed);
                            if (j >= i && j < i + LANES) pair[j - i] = 0;
                            store(ds + i, load(ds + i) + pair);
                            seen += pair;
                        }
                        ds[j] -= sum(seen);
                    }

                    scale_rows(Bq, decays.leave, state, BW);
                    product(Q, width, state, Matrix(BW, state), d_leaving, width, dX, width, false);
                    product<UPPER>(Q, width, Q, Matrix(K, Q), dY, width, dX, width, true);

                    product(state, Q, width, Matrix(entering, width), dYt, Q, G, Q, false);
                    for (int i = 0; i < Q; i += LANES) {
                        Vec dots = {};
                        for (int n = 0; n < state; n++) {
                            const Vec g = load(G + n * Q + i) * load(decays.enter + i);
                            store(dCt + n * Q + i, load(dCt + n * Q + i) + g);
                            dots += g * load(Ct + n * Q + i);
                        }
                        store(ds + i, load(ds + i) + dots);
                    }
                    product(state, Q, width, Matrix(d_leaving, width), Xt, Q, G, Q, false);
                    for (int j = 0; j < Q; j += LANES) {
                        Vec dots = {};
                        for (int n = 0; n < state; n++) {
                            const Vec g = load(G + n * Q + j) * load(decays.leave + j);
                            store(dBt + n * Q + j, load(dBt + n * Q + j) + g);
                            dots += g * load(Bt + n * Q + j);
                        }
                        store(ds + j, load(ds + j) - dots);
                    }
                    Vec held = {};
                    for (int64_t i = 0; i < size; i += LANES)
                        held += load(leaving + i) * load(d_leaving + i);
                    ds[block.count - 1] += sum(held);

                    float sum_A = 0, sum_D = 0, rest = 0;
                    for (int i = block.count - 1; i >= 0; i--) {
                        rest += ds[i];
                        d_decay[i] = rest;
                        if (block.first[i] == i) rest = 0;  // a sequence begins here
                    }
                    for (int i = 0; i < block.count; i++) {
                        const int64_t t = block.start + i;
                        const float step = dt[t * heads + h];
                        const float* in = x + t * x_row + h * width;
                        float* out = d_x + t * d_x_row + h * width;
                        Vec of_step = {}, skipped = {};
                        for (int p = 0; p < width; p += LANES) {
                            const Vec pull = load(dX + i * width + p), v = load(in + p);
                            const Vec d = load(dY + i * width + p);
                            of_step += pull * v;
                            skipped += d * v;
                            store(out + p, pull * step + d * D[h]);
                        }
                        d_dt[t * heads + h] = sum(of_step) + d_decay[i] * A[h];
                        sum_A += d_decay[i] * step;
                        sum_D += sum(skipped);
                    }
                    of_A[b * heads + h] = sum_A;
                    of_D[b * heads + h] = sum_D;
                }
                product(state, Q, Q, Matrix(Bt, Q), d_products, Q, dCt, Q, true);
                transpose(state, Q, dBt, Q, dBq, state);
                product<UPPER>(Q, state, Q, Matrix(d_products, Q), Cq, state, dBq, state, true);
                transpose(state, Q, dCt, Q, G, state);
                for (int i = 0; i < block.count; i++) {
                    memcpy(d_B + (block.start + i) * d_maps_row, dBq + i * state, 4 * state);
                    memcpy(d_C + (block.start + i) * d_maps_row, G + i * state, 4 * state);
                }
            }
        }
    }
    for (int h = 0; h < heads; h++) {
        d_A[h] = d_D[h] = 0;
        for (int64_t b = 0; b < blocks; b++) {
            d_A[h] += of_A[b * heads + h];
            d_D[h] += of_D[b * heads + h];
        }
    }
}
