// The Mamba-2 scan, forward and back.
#include "exact.h"

#include "ssd_backward.cpp"
#include "ssd_forward.cpp"

struct Widths {
    int64_t heads, width, state;
};

static void drive(const std::vector<int>& lengths, const Widths& of, int64_t span) {
    const auto [H, P, N] = of;
    const int64_t T = total_of(lengths), x_row = H * P + 3, maps_row = 2 * N + 5, blocks = (T + 63) / 64;
    Exact<int32_t> place = places_of(lengths);
    Floats x = random_floats(span_of(T, H * P, x_row)), dt = random_floats(T * H, 0.01f, 0.5f);
    Floats A = random_floats(H, -2, -0.1f), D = random_floats(H);
    Floats B = random_floats(span_of(T, N, maps_row)), C = random_floats(span_of(T, N, maps_row));
    Floats d_y = random_floats(span_of(T, H * P, x_row));
    with_threads("ssd", [&](int threads, Results& results) {
        Floats y(T * H * P), states((blocks + 1) * H * N * P);
        std::fill(states.begin(), states.begin() + H * N * P, 0.0f);
        ssd_forward(T, H, P, N, x, x_row, dt, A, B, C, maps_row, D, place, y, H * P, states, span, threads);
        const int64_t back = std::min(span, blocks);
        Floats d_x(T * H * P), d_dt(T * H), d_A(H), d_B(T * N), d_C(T * N), d_D(H);
        Floats d_states((back + 1) * H * N * P);
        ssd_backward(T, H, P, N, x, x_row, dt, A, B, C, maps_row, D, place, states, d_y, x_row, d_x, H * P,
                     d_dt, d_A, d_B, d_C, N, d_D, back, d_states, threads);
        for (Floats* one : {&y, &states, &d_x, &d_dt, &d_A, &d_B, &d_C, &d_D}) results.add(*one);
    });
}

static void drive_scan() {
    for (const auto& lengths : LENGTHS)
        for (const Widths& of : {Widths{1, 16, 32}, Widths{2, 48, 16}, Widths{3, 64, 64}})
            for (int64_t span : {1, 2, 16}) drive(lengths, of, span);
}

static const bool scan_added = add(drive_scan);
