// Look-ups of contexts, against a count of all, and the mixing of bytes.
#include "exact.h"

#include "byte_mixing.cpp"
#include "context_counts.cpp"

// An index as hnet_seq/model/context_index.py lays it out, of random contexts.
static void drive_index(int64_t size, int64_t bits, int64_t longest, int64_t bucket_bits) {
    const int64_t symbols = (int64_t(1) << bits) - 1, block = 16, shift = bits * longest - bucket_bits;
    Exact<int64_t> sorted(size);
    for (int64_t& one : sorted) {
        one = 0;
        for (int64_t k = 0; k < longest; k++) one = one << bits | (1 + generator() % symbols);
    }
    std::sort(sorted.begin(), sorted.end());
    Exact<uint8_t> next(size + block, 0);
    for (int64_t i = 0; i < size; i++) next[i] = uint8_t(generator() % symbols);
    Exact<int32_t> running((size / block + 1) * symbols, 0);
    for (int64_t i = 0; i < size / block * block; i++)
        for (int64_t b = i / block + 1; b <= size / block; b++) running[b * symbols + next[i]]++;
    Exact<int32_t> buckets((int64_t(1) << bucket_bits) + 1);
    for (int64_t b = 0; b < buckets.size; b++)
        buckets[b] = int32_t(std::lower_bound(sorted.begin(), sorted.end(), b << shift) - sorted.begin());
    Exact<int64_t> orders(longest);
    for (int64_t k = 0; k < longest; k++) orders[k] = k + 1;
    const int64_t T = 97;
    Exact<int64_t> contexts(T), known(T);
    for (int64_t t = 0; t < T; t++) {
        contexts[t] = t % 2 && size ? sorted[generator() % size] : (int64_t(1) << (bits * longest)) - 1;
        known[t] = t % (longest + 1);
    }
    for (int threads : {1, 3}) {
        Exact<int32_t> counts(T * longest * symbols, 0);
        context_counts(T, contexts, known, longest, orders, bits, longest, sorted, next, running, block,
                       symbols, buckets, shift, counts, threads);
        for (int64_t t = 0; t < T; t++)
            for (int64_t k = 0; k < std::min(longest, known[t]); k++) {
                const int64_t cut = bits * (longest - k - 1);
                std::vector<int32_t> want(symbols);
                for (int64_t i = 0; i < size; i++) want[next[i]] += sorted[i] >> cut == contexts[t] >> cut;
                if (!std::equal(want.begin(), want.end(), counts.begin() + (t * longest + k) * symbols))
                    fail("context_counts", "another count");
            }
    }
}

static void drive_context_counts() {
    for (int64_t size : {0, 1, 15, 16, 17, 700})
        for (int64_t bucket_bits : {2, 7, 9}) drive_index(size, 3, 3, bucket_bits);
}

static void drive_byte_mixing() {
    constexpr int64_t ROW_BITS = 12;
    Exact<Slot> slots(CONTEXTS << ROW_BITS, Slot{0.5f, 0, 0});
    Exact<double> weights(512 * CONTEXTS * LEVELS, 0.3);
    Exact<int64_t> learned{0};
    for (int64_t length : {0, 1, 7, 3000}) {
        Exact<uint8_t> tokens(length), predicted(length);
        for (int64_t t = 0; t < length; t++) tokens[t] = uint8_t(generator()), predicted[t] = t % 5 != 0;
        Exact<double> log_odds(8 * length, 0);
        mix_bytes(length, tokens, predicted, ROW_BITS, slots, weights, learned, log_odds);
    }
}

static const bool context_counts_added = add(drive_context_counts);
static const bool byte_mixing_added = add(drive_byte_mixing);
