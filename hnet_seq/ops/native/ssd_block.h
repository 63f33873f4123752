// What the passes over the scan do with one block, in working memory of their own; notation in ssd.h.
//
// States are (H, N, P) where nothing else is said.
#pragma once
#include "ssd.h"

namespace {

// The block's own part of the state that leaves it (B' W X of one head) to (N, P), rows ``row``
// apart. X: working memory of Q P.
void own_state(const Scan& scan, const Block& block, int head, const Decays& decays, float* X,
               float* state, int64_t row) {
    scaled_input(scan, block, head, decays.leave, X);
    product(scan.state, scan.width, block.count, Matrix(scan.B + block.start * scan.maps_row, 1, scan.maps_row),
            X, scan.width, state, row, false);
}

// The outputs of a block.
struct BlockOutputs {
    float *Ct, *X, *products, *K;

    static int64_t floats(const Scan& scan) { return Q * (scan.state + scan.width + 2 * Q); }
    BlockOutputs(const Scan& scan, Scratch& scratch)
        : Ct(scratch.take(Q * scan.state)), X(scratch.take(Q * scan.width)),
          products(scratch.take(Q * Q)), K(scratch.take(Q * Q)) {}

    // To y, of the block's first token. ``entering`` is the state, null where it is zero; that of a
    // head begins head_step behind the last, its rows are ``row`` apart.
    void operator()(const Scan& scan, const Block& block, const float* entering, int64_t head_step,
                    int64_t row, float* y, int64_t y_row) const {
        const int count = block.count, width = scan.width;
        const float* x = scan.x + block.start * scan.x_row;
        const Matrix B(scan.B + block.start * scan.maps_row, scan.maps_row);
        const Matrix C(scan.C + block.start * scan.maps_row, scan.maps_row);
        transpose(count, scan.state, C.data, scan.maps_row, Ct, Q);
        product<UPPER_RESULT>(count, (count + LANES - 1) / LANES * LANES, scan.state, B, Ct, Q,
                              products, Q, false);
        memset(K, 0, 4 * Q * Q);
        for (int h = 0; h < scan.heads; h++) {
            const Decays decays(scan, block, h);
            float* out = y + h * width;
            if (entering)
                product(count, width, scan.state, C, entering + h * head_step, row, out, y_row, false);
            for (int i = 0; i < count; i++) {
                const float* in = x + i * scan.x_row + h * width;
                for (int p = 0; p < width; p += LANES) {
                    Vec value = load(in + p) * scan.D[h];
                    if (entering)
                        value = fused(load(out + i * y_row + p), all(decays.enter[i]), value);
                    store(out + i * y_row + p, value);
                }
            }
            scaled_input(scan, block, h, nullptr, X);
            decay_rows(block, decays.s, products, K);
            // Rows of K are the tokens that are seen: element (i, j) lies at [j][i].
            product<LOWER>(count, width, count, Matrix(K, 1, Q), X, width, out, y_row, true);
        }
    }
};

// The gradients of a block.
//
// It works on transposes (tokens along the rows), so that the sums over state and head widths that
// make the gradient of s are sums of vectors, and four products of a head's state suffice.
//
// The gradient of s_i is the sum over row i of dK * K minus that over column i, without the
// diagonal, which cancels, plus what the states add. It is summed from the end of the block to
// each token of the same sequence.
struct BlockBackward {
    float *Bq, *Cq, *Bt, *Ct, *dBt, *dCt, *G, *dBq, *X, *Xt, *dY, *dYt, *dX, *BW;
    float *products, *K, *L, *dK, *d_products;

    static int64_t floats(const Scan& scan) {
        return Q * (9 * scan.state + 5 * scan.width + 5 * Q);
    }
    BlockBackward(const Scan& scan, Scratch& scratch) {
        for (float** taken : {&Bq, &Cq, &Bt, &Ct, &dBt, &dCt, &G, &dBq, &BW})
            *taken = scratch.take(Q * scan.state);
        for (float** taken : {&X, &Xt, &dY, &dYt, &dX}) *taken = scratch.take(Q * scan.width);
        for (float** taken : {&products, &K, &L, &dK, &d_products}) *taken = scratch.take(Q * Q);
    }

    // What the outputs make of the gradient of a head's entering state, to (N, P).
    void of_entering(const Scan& scan, const Block& block, int head, const Decays& decays,
                     const float* d_y, int64_t d_y_row, float* d_state) const {
        gather(block, d_y + head * scan.width, d_y_row, scan.width, dY);
        scale_rows(dY, decays.enter, scan.width, dY);
        product(scan.state, scan.width, block.count,
                Matrix(scan.C + block.start * scan.maps_row, 1, scan.maps_row), dY, scan.width, d_state,
                scan.width, false);
    }

    // d_x may be x, and d_B and d_C may be B and C. Gradients are indexed as what they are of;
    // of_A and of_D (H) are this block's share.
    void operator()(const Scan& scan, const Block& block, const float* entering,
                    const float* leaving, const float* d_leaving, const float* d_y,
                    int64_t d_y_row, float* d_x, int64_t d_x_row, float* d_dt, float* d_B,
                    float* d_C, int64_t d_maps_row, float* of_A, float* of_D) const {
        const int heads = scan.heads, width = scan.width, state = scan.state;
        const int64_t size = scan.state_size();
        gather(block, scan.B, scan.maps_row, state, Bq);
        gather(block, scan.C, scan.maps_row, state, Cq);
        transpose(Q, state, Bq, state, Bt, Q);
        transpose(Q, state, Cq, state, Ct, Q);
        product<UPPER_RESULT>(Q, Q, state, Matrix(Bq, state), Ct, Q, products, Q, false);
        memset(d_products, 0, 4 * Q * Q);
        memset(K, 0, 4 * Q * Q);
        memset(dBt, 0, 4 * Q * state);
        memset(dCt, 0, 4 * Q * state);
        for (int h = 0; h < heads; h++) {
            const Decays decays(scan, block, h);
            const float *before = entering + h * size, *after = leaving + h * size;
            const float* d_after = d_leaving + h * size;
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
            product(Q, width, state, Matrix(BW, state), d_after, width, dX, width, false);
            product<UPPER>(Q, width, Q, Matrix(K, Q), dY, width, dX, width, true);

            product(state, Q, width, Matrix(before, width), dYt, Q, G, Q, false);
            for (int i = 0; i < Q; i += LANES) {
                Vec dots = {};
                for (int n = 0; n < state; n++) {
                    const Vec g = load(G + n * Q + i) * load(decays.enter + i);
                    store(dCt + n * Q + i, load(dCt + n * Q + i) + g);
                    dots += g * load(Ct + n * Q + i);
                }
                store(ds + i, load(ds + i) + dots);
            }
            product(state, Q, width, Matrix(d_after, width), Xt, Q, G, Q, false);
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
            for (int64_t i = 0; i < size; i += LANES) held += load(after + i) * load(d_after + i);
            ds[block.count - 1] += sum(held);

            float sum_A = 0, sum_D = 0, rest = 0;
            for (int i = block.count - 1; i >= 0; i--) {
                rest += ds[i];
                d_decay[i] = rest;
                if (block.first[i] == i) rest = 0;  // a sequence begins here
            }
            for (int i = 0; i < block.count; i++) {
                const int64_t t = block.start + i;
                const float step = scan.dt[t * heads + h];
                const float* in = scan.x + t * scan.x_row + h * width;
                float* out = d_x + t * d_x_row + h * width;
                Vec of_step = {}, skipped = {};
                for (int p = 0; p < width; p += LANES) {
                    const Vec pull = load(dX + i * width + p), v = load(in + p);
                    const Vec d = load(dY + i * width + p);
                    of_step += pull * v;
                    skipped += d * v;
                    store(out + p, pull * step + d * scan.D[h]);
                }
                d_dt[t * heads + h] = sum(of_step) + d_decay[i] * scan.A[h];
                sum_A += d_decay[i] * step;
                sum_D += sum(skipped);
            }
            of_A[h] = sum_A;
            of_D[h] = sum_D;
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
};

// after = d before + what ``after`` has already, of floats [first, last) of a head's state.
void carry(float d, const float* before, float* after, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i += LANES)
        store(after + i, load(before + i) * d + load(after + i));
}

}  // namespace
