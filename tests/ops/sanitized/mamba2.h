// Weights of a Mamba-2 mixer.
#pragma once
#include "exact.h"

struct MixerWidths {
    int64_t width, heads, head, state, taps;
    int64_t inner() const { return heads * head; }
    int64_t channels() const { return inner() + 2 * state; }
    int64_t columns() const { return inner() + channels() + heads; }
};

inline const std::vector<MixerWidths> MIXERS = {
    {16, 1, 16, 16, 1}, {48, 3, 32, 16, 4}, {32, 5, 16, 48, 8}, {64, 2, 64, 64, 2}};

struct MixerWeights {
    explicit MixerWeights(const MixerWidths& w)
        : first_norm(random_floats(w.width)), in(random_floats(w.columns() * w.width, -0.2f, 0.2f)),
          conv(random_floats(w.taps * w.channels())), bias(random_floats(w.channels())),
          dt_bias(random_floats(w.heads)), A(random_floats(w.heads, -2, -0.1f)), D(random_floats(w.heads)),
          norm(random_floats(w.inner())), out(random_floats(w.width * w.inner(), -0.2f, 0.2f)) {}
    Floats first_norm, in, conv, bias, dt_bias, A, D, norm, out;
};
