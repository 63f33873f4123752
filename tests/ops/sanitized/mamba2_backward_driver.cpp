// The gradient of a Mamba-2 mixer from what was projected.
#include "mamba2.h"

#include "mamba2_backward.cpp"

static void drive(const std::vector<int>& lengths, const MixerWidths& w, int64_t every) {
    MixerWeights of(w);
    const int64_t T = total_of(lengths), blocks = (T + 63) / 64;
    const int64_t sums = ((w.taps + 1) * w.channels() + w.inner() + 3 * w.heads + 15) / 16 * 16;
    Exact<int32_t> place = places_of(lengths);
    Floats projected = random_floats(T * w.columns()), d_out = random_floats(T * w.inner());
    Floats kept = random_floats((blocks + every - 1) / every * w.state * w.inner());
    with_threads("mamba2_mix_backward", [&](int threads, Results& results) {
        Floats out(T * w.inner()), d_projected(T * w.columns()), d_sums(sums);
        std::copy(d_out.begin(), d_out.end(), out.begin());
        mamba2_mix_backward(T, w.inner(), w.state, w.heads, w.taps, projected, of.conv, of.bias, of.dt_bias,
                            of.A, of.D, of.norm, 1e-5f, place, kept, every, out, d_projected, d_sums, threads);
        for (Floats* one : {&out, &d_projected, &d_sums}) results.add(*one);
    });
}

static void drive_mamba2_backward() {
    for (const auto& lengths : LENGTHS)
        for (const MixerWidths& w : MIXERS)
            for (int64_t every : {1, 2, 16}) drive(lengths, w, every);
    // More blocks than a span has, so that gradients go from one to the next.
    drive({2500, 1, 300}, MIXERS[1], 16);
}

static const bool mamba2_backward_added = add(drive_mamba2_backward);
