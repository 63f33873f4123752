// Norms and gates.
#include "exact.h"

#include "norm.cpp"
#include "swiglu.cpp"

constexpr int64_t WIDTHS[] = {1, 3, 16, 17, 64, 70, 128}, TOTALS[] = {0, 1, 2, 127, 128, 129, 400};

static void drive_norm() {
    for (int64_t T : TOTALS)
        for (int64_t width : WIDTHS) {
            const int64_t row = width + 5, size = span_of(T, width, row);
            Floats x = random_floats(size), gate = random_floats(size), weight = random_floats(width);
            Floats d_out = random_floats(T * width);
            with_threads("rms_norm", [&](int threads, Results& results) {
                Floats out(T * width), scale(T), d_x(T * width), d_weight(width);
                rms_norm_forward(T, width, x, row, weight, 1e-5f, out, scale, threads);
                rms_norm_backward(T, width, x, row, weight, scale, d_out, d_x, d_weight, threads);
                for (Floats* one : {&out, &scale, &d_x, &d_weight}) results.add(*one);
            });
            with_threads("gated_rms_norm", [&](int threads, Results& results) {
                Floats out(T * width), scale(T), d_y(T * width), d_weight(width), d_gate(size, 0);
                gated_rms_norm_forward(T, width, x, row, gate, row, weight, 1e-5f, out, scale, threads);
                gated_rms_norm_backward(T, width, x, row, gate, row, weight, scale, d_out, d_y, d_gate,
                                        row, d_weight, threads);
                for (Floats* one : {&out, &scale, &d_y, &d_weight, &d_gate}) results.add(*one);
            });
        }
}

static void drive_swiglu() {
    for (int64_t T : TOTALS)
        for (int64_t width : WIDTHS) {
            Floats x = random_floats(2 * T * width), d_out = random_floats(T * width);
            with_threads("swiglu", [&](int threads, Results& results) {
                Floats out(T * width), d_x(2 * T * width);
                swiglu_forward(T, width, x, out, threads);
                swiglu_backward(T, width, x, d_out, d_x, threads);
                for (Floats* one : {&out, &d_x}) results.add(*one);
            });
        }
}

static const bool norm_added = add(drive_norm);
static const bool swiglu_added = add(drive_swiglu);
