# The folder that FetchContent takes.
add_subdirectory(${REGRAD_SOURCE} _deps/regrad-build EXCLUDE_FROM_ALL)
