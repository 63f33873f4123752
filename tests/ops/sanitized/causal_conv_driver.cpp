// The convolution.
#include "exact.h"

#include "causal_conv.cpp"

constexpr int64_t WIDTHS[] = {1, 3, 16, 17, 64, 70};

static void drive_causal_conv() {
    for (const auto& lengths : LENGTHS)
        for (int64_t width : WIDTHS)
            for (int64_t taps : {1, 2, 4, 8}) {
                const int64_t T = total_of(lengths), row = width + 3;
                Exact<int32_t> place = places_of(lengths);
                Floats x = random_floats(span_of(T, width, row)), d = random_floats(span_of(T, width, row));
                Floats weight = random_floats(taps * width), bias = random_floats(width);
                with_threads("causal_conv", [&](int threads, Results& results) {
                    Floats out(T * width), d_x(T * width), sums((taps + 1) * width);
                    causal_conv_forward(T, width, taps, x, row, weight, bias, place, out, width, threads);
                    causal_conv_backward(T, width, taps, x, row, weight, bias, place, d, row, d_x, width,
                                         sums, threads);
                    for (Floats* one : {&out, &d_x, &sums}) results.add(*one);
                });
            }
}

static const bool causal_conv_added = add(drive_causal_conv);
