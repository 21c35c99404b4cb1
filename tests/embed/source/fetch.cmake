include(FetchContent)
FetchContent_Declare(regrad SOURCE_DIR ${REGRAD_SOURCE})
FetchContent_MakeAvailable(regrad)
