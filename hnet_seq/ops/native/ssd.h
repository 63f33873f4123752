// The Mamba-2 scan in matrix-product form (Dao and Gu 2024, section 6), forward and back.
//
// Notation, per block of Q tokens and head, with X = dt x, and s the running sum of dt A inside the
// block, from zero in each sequence:
//     K_ij = <C_i, B_j> exp(s_i - s_j) for visible j <= i      E_i = exp(s_i) where S reaches i
//     Y = K X + E (C S) + D x                                  W_j = exp(s_Q - s_j) where j reaches S'
//     S' = d S + B' (W X)                                      d = exp(s_Q) where S reaches S'
// Blocks are done side by side; between them only the states are carried, in order. Nothing of size
// (Q, Q) leaves the cache.
//
// This file: what the passes forward and back share.
#pragma once
#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <memory>
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
#ifdef TAKEN_APART  // tests/ops/sanitized: what goes over the end of one piece is seen
        apart.emplace_back(new float[floats]);
        return apart.back().get();
#else
        next += floats;
        return next - floats;
#endif
    }
#ifdef TAKEN_APART
    std::vector<std::unique_ptr<float[]>> apart;
#endif
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
