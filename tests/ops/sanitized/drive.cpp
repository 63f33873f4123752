// Calls the entry points of the kernels over many shapes, for the sanitizers: `make sanitize`.
#include "exact.h"

int main() {
    for (const Driver& driver : drivers()) driver.run();
    puts("clean");
}
