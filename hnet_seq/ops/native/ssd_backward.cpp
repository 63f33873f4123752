// The Mamba-2 scan back; notation in ssd.h. What the forward pass made of size (Q, Q) is made again.
//
// It works on transposes (tokens along the rows), so that the sums over state and head widths that
// make the gradient of s are sums of vectors, and four products of a head's state suffice.
//
// The gradient of s_i is the sum over row i of dK * K minus that over column i, without the
// diagonal, which cancels, plus what the states add. It is summed from the end of the block to
// each token of the same sequence.
#include "ssd.h"

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
