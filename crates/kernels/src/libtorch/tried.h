// What each function that Rust calls does with an exception.

#pragma once

#include <cstddef>
#include <cstdio>
#include <exception>

// Runs `work` and returns whether it worked; where not, `error`, of `room` bytes, says why.
template <class Work>
bool ablate_tried(char *error, size_t room, Work work) {
    try {
        work();
        return true;
    } catch (const std::exception &thrown) {
        std::snprintf(error, room, "%s", thrown.what());
        return false;
    } catch (...) {
        std::snprintf(error, room, "an exception of an unknown kind");
        return false;
    }
}
