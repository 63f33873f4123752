// The Mamba-2 scan forward; notation in ssd.h.
#include "ssd.h"

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
