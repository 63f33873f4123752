// The Mamba-2 scan back; notation in ssd.h. What the forward pass made of size (Q, Q) is made again.
#include "ssd_block.h"

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
        Scratch scratch(BlockBackward::floats(scan));
        const BlockBackward back(scan, scratch);
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
                for (int h = 0; h < heads; h++) {
                    const Decays decays(scan, block, h);
                    through[b * heads + h] = decays.through;
                    back.of_entering(scan, block, h, decays, d_y, d_y_row,
                                     d_states + (b - first) * row + h * size);
                }
            }
#pragma omp for schedule(static)
            for (int64_t piece = 0; piece < row; piece += PIECE)
                for (int64_t b = end - 1; b >= first; b--)
                    carry(through[b * heads + piece / size], d_states + (b + 1 - first) * row,
                          d_states + (b - first) * row, piece, piece + PIECE);
#pragma omp for schedule(static)
            for (int64_t b = first; b < end; b++)
                back(scan, Block(scan, b), states + b * row, states + (b + 1) * row,
                     d_states + (b + 1 - first) * row, d_y, d_y_row, d_x, d_x_row, d_dt, d_B, d_C,
                     d_maps_row, of_A.data() + b * heads, of_D.data() + b * heads);
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
