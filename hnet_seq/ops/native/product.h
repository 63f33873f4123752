// Products of small matrices that lie in the cache: C (+)= A B.
//
// A tile of C stays in registers while one row of B and one column of A pass by. B and C have
// contiguous rows; an element of A lies at A[i * row + k * column], so A may be a transpose.
#pragma once
#include "vector.h"

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int TILE_ROWS = 8;  // 32 registers
#else
constexpr int TILE_ROWS = 6;  // 16 registers: 12 sums, 2 of B, 1 of A
#endif

struct Matrix {
    const float* data;
    int64_t row, column;
    Matrix(const float* data, int64_t row, int64_t column = 1)
        : data(data), row(row), column(column) {}
};

template <int ROWS, int VECTORS>
static inline void tile(int first, int last, const Matrix& A, int i, const float* B, int64_t ldb,
                        float* C, int64_t ldc, bool add) {
    Vec sums[ROWS][VECTORS];
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++) sums[r][v] = add ? load(C + r * ldc + v * LANES) : Vec{};
    const float* a = A.data + i * A.row + first * A.column;
    const float* b = B + first * ldb;
    for (int k = first; k < last; k++, a += A.column, b += ldb) {
        Vec row[VECTORS];
        for (int v = 0; v < VECTORS; v++) row[v] = load(b + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < VECTORS; v++) sums[r][v] += a[r * A.row] * row[v];
    }
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++) store(C + r * ldc + v * LANES, sums[r][v]);
}

template <int VECTORS>
static inline void rows(int count, int first, int last, const Matrix& A, int i, const float* B,
                        int64_t ldb, float* C, int64_t ldc, bool add) {
    switch (count) {
        case 8: return tile<8, VECTORS>(first, last, A, i, B, ldb, C, ldc, add);
        case 7: return tile<7, VECTORS>(first, last, A, i, B, ldb, C, ldc, add);
        case 6: return tile<6, VECTORS>(first, last, A, i, B, ldb, C, ldc, add);
        case 5: return tile<5, VECTORS>(first, last, A, i, B, ldb, C, ldc, add);
        case 4: return tile<4, VECTORS>(first, last, A, i, B, ldb, C, ldc, add);
        case 3: return tile<3, VECTORS>(first, last, A, i, B, ldb, C, ldc, add);
        case 2: return tile<2, VECTORS>(first, last, A, i, B, ldb, C, ldc, add);
        case 1: return tile<1, VECTORS>(first, last, A, i, B, ldb, C, ldc, add);
    }
}

// Which part of a product is not zero or is not needed.
enum Shape {
    FULL,
    LOWER,          // A[i][k] = 0 for k > i
    UPPER,          // A[i][k] = 0 for k < i
    UPPER_RESULT,   // C[i][n] is wanted for n >= i only; what else is in its tiles is written too
};

// (m, inner) times (inner, n) to (m, n); n a multiple of LANES.
template <Shape SHAPE = FULL>
static inline void product(int m, int n, int inner, Matrix A, const float* B, int64_t ldb, float* C,
                           int64_t ldc, bool add) {
    for (int j = 0; j < n; j += 2 * LANES) {
        const bool two = n - j >= 2 * LANES;
        for (int i = 0; i < m; i += TILE_ROWS) {
            const int count = m - i < TILE_ROWS ? m - i : TILE_ROWS;
            if (SHAPE == UPPER_RESULT && j + 2 * LANES <= i) break;
            const int first = SHAPE == UPPER ? i : 0;
            const int last = SHAPE == LOWER && i + count < inner ? i + count : inner;
            float* c = C + i * ldc + j;
            if (two)
                rows<2>(count, first, last, A, i, B + j, ldb, c, ldc, add);
            else
                rows<1>(count, first, last, A, i, B + j, ldb, c, ldc, add);
        }
    }
}

constexpr int EDGE = 8;  // a row of such a piece is a whole cache line or half of one

typedef float Row __attribute__((vector_size(4 * EDGE)));
typedef int32_t Choice __attribute__((vector_size(4 * EDGE)));

// The elements of two rows that are chosen; those of the second are numbers EDGE and above.
#ifdef __clang__
#define CHOOSE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define CHOOSE(a, b, ...) __builtin_shuffle(a, b, Choice{__VA_ARGS__})
#endif

// One piece of (EDGE, EDGE), in registers.
static inline void transpose_piece(const float* x, int64_t from, float* y, int64_t to) {
    Row row[EDGE], pairs[EDGE], fours[EDGE];
    for (int i = 0; i < EDGE; i++) memcpy(row + i, x + i * from, sizeof(Row));
    for (int i = 0; i < EDGE; i += 2) {
        pairs[i] = CHOOSE(row[i], row[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        pairs[i + 1] = CHOOSE(row[i], row[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    // fours[4 h + c]: columns c and c + 4 of rows 4 h to 4 h + 3.
    for (int h = 0; h < EDGE; h += 4)
        for (int c = 0; c < 4; c += 2) {
            const Row a = pairs[h + c / 2], b = pairs[h + 2 + c / 2];
            fours[h + c] = CHOOSE(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
            fours[h + c + 1] = CHOOSE(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int c = 0; c < 4; c++) {
        const Row first = CHOOSE(fours[c], fours[4 + c], 0, 1, 2, 3, 8, 9, 10, 11);
        const Row second = CHOOSE(fours[c], fours[4 + c], 4, 5, 6, 7, 12, 13, 14, 15);
        memcpy(y + c * to, &first, sizeof(Row));
        memcpy(y + (c + 4) * to, &second, sizeof(Row));
    }
}

// (m, n) with rows ``from`` apart to (n, m) with rows ``to`` apart.
static inline void transpose(int m, int n, const float* x, int64_t from, float* y, int64_t to) {
    for (int i = 0; i < m; i += EDGE)
        for (int j = 0; j < n; j += EDGE) {
            if (i + EDGE <= m && j + EDGE <= n) {
                transpose_piece(x + i * from + j, from, y + j * to + i, to);
                continue;
            }
            for (int a = i; a < i + EDGE && a < m; a++)
                for (int b = j; b < j + EDGE && b < n; b++) y[b * to + a] = x[a * from + b];
        }
}
