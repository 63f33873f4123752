// OpenMP's threads by the standard library's: ThreadSanitizer does not see how libgomp, which is
// built without it, lets threads wait for each other, and takes each wait for a race.
//
// These are the five entry points that GCC calls for what the kernels use; names and meaning are
// those of libgomp.
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace {

struct Team {
    const int size;
    std::mutex mutex;
    std::condition_variable all_here;
    int waiting = 0, passed = 0;
    std::vector<int> singles;  // of each ``single`` whether a thread took it

    explicit Team(int size) : size(size) {}
};

struct Place {
    Team* team = nullptr;
    int number = 0;
    size_t singles = 0;  // that this thread came to
};

thread_local Place place;

}  // namespace

extern "C" {

int omp_get_num_threads() { return place.team ? place.team->size : 1; }
int omp_get_thread_num() { return place.number; }

void GOMP_barrier() {
    Team* team = place.team;
    if (!team) return;
    std::unique_lock<std::mutex> lock(team->mutex);
    const int turn = team->passed;
    if (++team->waiting == team->size) {
        team->waiting = 0;
        team->passed++;
        team->all_here.notify_all();
    } else {
        team->all_here.wait(lock, [&] { return team->passed != turn; });
    }
}

bool GOMP_single_start() {
    Team* team = place.team;
    if (!team) return true;
    std::lock_guard<std::mutex> lock(team->mutex);
    const size_t number = place.singles++;
    if (team->singles.size() <= number) team->singles.resize(number + 1);
    return !team->singles[number]++;
}

void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned) {
    Team team(threads ? int(threads) : 1);
    std::vector<std::thread> others;
    const auto run = [&](int number) {
        const Place before = place;
        place = {&team, number, 0};
        work(data);
        place = before;
    };
    for (int number = 1; number < team.size; number++) others.emplace_back(run, number);
    run(0);
    for (std::thread& other : others) other.join();
}

}  // extern "C"
