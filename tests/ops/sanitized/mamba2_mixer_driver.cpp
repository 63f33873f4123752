// A whole Mamba-2 mixer: without a gradient, from a state on, and for a gradient.
#include "mamba2.h"

#include "mamba2_mixer.cpp"

static void drive_inference(const std::vector<int>& lengths, const MixerWidths& w, bool goes_on) {
    MixerWeights of(w);
    const int64_t T = total_of(lengths), S = int64_t(lengths.size()), row = w.width + 3;
    Exact<int32_t> bounds(S + 1);
    bounds[0] = 0;
    for (int64_t s = 0; s < S; s++) bounds[s + 1] = bounds[s] + lengths[s];
    Floats x = random_floats(span_of(T, w.width, row));
    Floats conv = random_floats(S * (w.taps - 1) * w.channels()), states = random_floats(S * w.state * w.inner());
    with_threads("mamba2_mixer", [&](int threads, Results& results) {
        Floats out(T * w.width), conv_after(conv.size), states_after(states.size);
        mamba2_mixer(T, S, bounds, w.width, w.inner(), w.state, w.heads, w.taps, x, row, of.in, of.conv,
                     of.bias, of.dt_bias, of.A, of.D, of.norm, 1e-5f, of.out, out,
                     goes_on ? conv.begin() : nullptr, goes_on ? states.begin() : nullptr,
                     goes_on ? conv_after.begin() : nullptr, goes_on ? states_after.begin() : nullptr, threads);
        results.add(out);
        if (!goes_on) return;
        results.add(conv_after);
        results.add(states_after);
    });
}

static void drive_training(const std::vector<int>& lengths, const MixerWidths& w, int64_t every) {
    MixerWeights of(w);
    const int64_t T = total_of(lengths), row = w.width + 3, blocks = (T + 63) / 64;
    Exact<int32_t> place = places_of(lengths);
    Floats x = random_floats(span_of(T, w.width, row));
    with_threads("mamba2_layer", [&](int threads, Results& results) {
        Floats out(T * w.width), projected(T * w.columns());
        Floats kept((blocks + every - 1) / every * w.state * w.inner(), 0);
        mamba2_layer(T, w.width, w.inner(), w.state, w.heads, w.taps, x, row, of.first_norm, of.in, of.conv,
                     of.bias, of.dt_bias, of.A, of.D, of.norm, 1e-5f, of.out, place, out, projected, kept,
                     every, threads);
        for (Floats* one : {&out, &projected, &kept}) results.add(*one);
    });
}

static void drive_mamba2_mixer() {
    for (const auto& lengths : LENGTHS)
        for (const MixerWidths& w : MIXERS) {
            drive_inference(lengths, w, false);
            drive_inference(lengths, w, true);
            for (int64_t every : {1, 2, 16}) drive_training(lengths, w, every);
        }
    // As a call without a token: sequences that have none here.
    drive_inference({}, MIXERS[0], false);
}

static const bool mamba2_mixer_added = add(drive_mamba2_mixer);
