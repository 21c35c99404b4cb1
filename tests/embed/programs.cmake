# The same four programs for every way of taking regrad in; each is a test.
enable_testing()
foreach(program hvp maml_step two_threads wrong_shape)
  add_executable(${program} ${CMAKE_CURRENT_LIST_DIR}/${program}.cpp)
  target_link_libraries(${program} PRIVATE regrad::layers)
  add_test(NAME ${program} COMMAND ${program})
endforeach()
