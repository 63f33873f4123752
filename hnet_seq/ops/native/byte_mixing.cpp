// Context mixing of bytes: hnet_seq/evidence/baselines/byte_mixing.py has the definition, word for word.
#include <algorithm>
#include <cmath>
#include <cstdint>

constexpr int ORDERS = 6, CONTEXTS = ORDERS + 2, LEVELS = 10, LIMIT = 127;
constexpr uint64_t HASH = 0x9E3779B97F4A7C15ull, MIX = 0xD6E8FEB86659FD93ull;
constexpr float LOWEST = 1e-4f, HIGHEST = 1 - 1e-4f;

struct Slot {
    float one;  // how likely the bit is a 1
    uint16_t seen, check;
};

static int level(int seen) {
    constexpr int BOUNDS[] = {1, 2, 3, 4, 6, 9, 16, 32, 127};
    return int(std::upper_bound(BOUNDS, BOUNDS + LEVELS - 1, seen) - BOUNDS);
}

static bool in_word(uint8_t byte) {
    return byte >= 128 || ((byte | 32) >= 'a' && (byte | 32) <= 'z');
}

// log_odds[t][j] of bit j of predicted bytes, from the highest on; those of others are not written.
extern "C" void mix_bytes(int64_t length, const uint8_t* tokens, const uint8_t* predicted,
                          int64_t row_bits, Slot* slots, double* weights, int64_t* learned,
                          double* log_odds) {
    uint64_t word = 0, before = 0, context[CONTEXTS];
    for (int64_t t = 0; t < length; t++) {
        const int last = t ? tokens[t - 1] : 0;
        if (predicted[t]) {
            uint64_t hash = 0;
            for (int k = 0; k < ORDERS; k++) {
                hash = (hash + (t > k ? tokens[t - 1 - k] + 1 : 0)) * HASH;
                hash ^= hash >> 29;
                context[k] = hash;
            }
            context[ORDERS] = (word + 1) * MIX;
            context[ORDERS + 1] = (word * HASH + before + 2) * MIX;
            int prefix = 1;
            for (int j = 0; j < 8; j++) {
                const bool bit = tokens[t] >> (7 - j) & 1;
                Slot* slot[CONTEXTS];
                double input[CONTEXTS], sum = 0;
                double* weight[CONTEXTS][2];
                for (int k = 0; k < CONTEXTS; k++) {
                    uint64_t row = (context[k] + prefix * HASH) * MIX;
                    row = (row ^ row >> 32) * MIX;
                    slot[k] = slots + ((int64_t)k << row_bits) + (row >> (64 - row_bits));
                    const uint16_t check = row & 0xffff;
                    if (slot[k]->check != check) *slot[k] = {0.5f, 0, check};
                    const double one = slot[k]->one;
                    input[k] = std::log(one / (1 - one));
                    const int64_t own = k * LEVELS + level(slot[k]->seen);
                    weight[k][0] = weights + prefix * CONTEXTS * LEVELS + own;
                    weight[k][1] = weights + (256 + last) * CONTEXTS * LEVELS + own;
                    sum += (*weight[k][0] + *weight[k][1]) * input[k];
                }
                sum = std::min(12.0, std::max(-12.0, sum / 2));
                log_odds[8 * t + j] = sum;
                const double rate = std::max(0.004, 0.02 / std::sqrt(1 + *learned / 1000.0));
                const double step = rate * (bit - 1 / (1 + std::exp(-sum)));
                ++*learned;
                for (int k = 0; k < CONTEXTS; k++) {
                    for (double* own : weight[k]) *own += step * input[k];
                    const double one = slot[k]->one, rest = bit - one;
                    const float moved = float(one + rest / (slot[k]->seen + 1.5));
                    slot[k]->one = std::min(HIGHEST, std::max(LOWEST, moved));
                    if (slot[k]->seen < LIMIT) slot[k]->seen++;
                }
                prefix = 2 * prefix + bit;
            }
        }
        if (in_word(tokens[t])) {
            word = (word + (tokens[t] | 32) + 1) * HASH;
        } else if (word) {
            before = word;
            word = 0;
        }
    }
}
