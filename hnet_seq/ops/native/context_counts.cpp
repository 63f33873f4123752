// Counts of what followed n symbols, for several n at once: hnet_seq/model/context_index.py has the
// definition and its other form.
#include <algorithm>
#include <cstdint>

constexpr int64_t FEW = 64;  // places that are counted one by one, not as a difference

struct Range {
    int64_t first, last;
};

// counts[t][k][s]: of contexts[t], how often s followed its last orders[k] symbols; zeros before.
// sorted (size) with a width of bits a symbol and room for ``longest``; buckets[i] is the first of
// those whose highest bits, above bucket_shift, are at least i; running[b] is what followed those
// before block b.
extern "C" void context_counts(int64_t total, const int64_t* contexts, const int64_t* known,
                               int64_t number, const int64_t* orders, int64_t bits,
                               int64_t longest, const int64_t* sorted, const uint8_t* next,
                               const int32_t* running, int64_t block, int64_t symbols,
                               const int32_t* buckets, int64_t bucket_shift, int32_t* counts,
                               int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < total; t++) {
        const int64_t context = contexts[t];
        Range range{0, 0};
        bool narrowed = false;  // the range is one of more symbols than a bucket has
        for (int64_t k = 0; k < number && orders[k] <= known[t]; k++) {
            const int64_t shift = bits * (longest - orders[k]), prefix = context >> shift;
            if (shift >= bucket_shift) {
                const int64_t widen = shift - bucket_shift;
                range = {buckets[prefix << widen], buckets[(prefix + 1) << widen]};
            } else {
                if (!narrowed) {
                    const int64_t own = context >> bucket_shift;
                    range = {buckets[own], buckets[own + 1]};
                    narrowed = true;
                }
                range.first = std::lower_bound(sorted + range.first, sorted + range.last,
                                               prefix << shift) - sorted;
                range.last = std::lower_bound(sorted + range.first, sorted + range.last,
                                              (prefix + 1) << shift) - sorted;
            }
            if (range.first == range.last) break;  // nor do more symbols stand there
            int32_t* count = counts + (t * number + k) * symbols;
            if (range.last - range.first <= FEW) {
                for (int64_t i = range.first; i < range.last; i++) count[next[i]]++;
                continue;
            }
            const int64_t first = range.first / block, last = range.last / block;
            for (int64_t s = 0; s < symbols; s++)
                count[s] = running[last * symbols + s] - running[first * symbols + s];
            for (int64_t i = first * block; i < range.first; i++) count[next[i]]--;
            for (int64_t i = last * block; i < range.last; i++) count[next[i]]++;
        }
    }
}
