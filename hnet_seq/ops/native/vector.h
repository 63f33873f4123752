// Vectors of the machine's width by the compiler's own extension: no intrinsics, any processor.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t IntVec __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));  // may overflow

static inline Vec load(const float* p) {
    Vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void store(float* p, Vec v) { memcpy(p, &v, sizeof v); }

// The first n lanes, for the rest of a row that is no multiple of the width; zeros behind.
static inline Vec load(const float* p, int n) {
    if (n == LANES) return load(p);
    Vec v = {};
    memcpy(&v, p, 4 * n);
    return v;
}
static inline void store(float* p, Vec v, int n) {
    if (n == LANES)
        store(p, v);
    else
        memcpy(p, &v, 4 * n);
}
static inline int lanes_left(int64_t at, int64_t end) {
    return end - at < LANES ? int(end - at) : LANES;
}

static inline Vec all(float x) { return x - Vec{}; }

// a b + c, rounded once where the machine can. Of a sum of two products the compiler may choose which
// one is not rounded, in each place where it is inlined anew; this says which.
static inline Vec fused(Vec a, Vec b, Vec c) {
#ifdef __FP_FAST_FMAF
    for (int i = 0; i < LANES; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

static inline float sum(Vec v) {
    float total = 0;
    for (int i = 0; i < LANES; i++) total += v[i];
    return total;
}

// 0, 1, 2, ... from ``first``.
static inline IntVec lanes_from(int first) {
    IntVec v;
    for (int i = 0; i < LANES; i++) v[i] = first + i;
    return v;
}

// exp to 2 units in the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]. Beyond the
// range of normal numbers it is 0 (what is not normal would slow every product that it enters) or
// infinity; NaN stays NaN.
static inline Vec exp(Vec x) {
    const Vec shifted = x * 1.44269504f + 12582912.0f;  // adding 1.5 * 2^23 rounds to an integer
    const Vec n = shifted - 12582912.0f;
    const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
    Vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    Bits bits, power;
    memcpy(&bits, &p, sizeof bits);
    memcpy(&power, &shifted, sizeof power);
    bits += power << 23;
    memcpy(&p, &bits, sizeof p);
    p = x <= 88.7f ? p : x + __builtin_inff();
    return x < -87.3f ? Vec{} : p;
}

static inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp(-x)); }
static inline Vec silu(Vec x) { return x * sigmoid(x); }
// silu'(x) from x and its sigmoid.
static inline Vec silu_slope(Vec x, Vec s) { return s * (1.0f + x * (1.0f - s)); }

// log(1 + exp(x)), as max(x, 0) + log(1 + u) with u = exp(-|x|) and log(1 + u) = 2 artanh(u / (2 + u)).
static inline Vec softplus(Vec x) {
    const Vec u = exp(x < 0 ? x : -x), s = u / (2.0f + u), q = s * s;
    Vec p = q * (1.0f / 15) + 1.0f / 13;
    p = p * q + 1.0f / 11;
    p = p * q + 1.0f / 9;
    p = p * q + 1.0f / 7;
    p = p * q + 1.0f / 5;
    p = p * q + 1.0f / 3;
    p = p * q + 1.0f;
    return (x < 0 ? Vec{} : x) + 2.0f * s * p;
}
