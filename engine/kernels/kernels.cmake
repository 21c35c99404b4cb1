# The kernels: every file of isa/ once per instruction set, with flags of its own. Sets
# REGRAD_KERNEL_OBJECTS, which the engine takes in beside isa.cpp.

set(_kernels ${CMAKE_CURRENT_LIST_DIR})
set(REGRAD_KERNEL_OBJECTS)

function(regrad_kernels isa)
  list(TRANSFORM REGRAD_KERNEL_FILES PREPEND ${_kernels}/isa/ OUTPUT_VARIABLE files)
  add_library(regrad_isa_${isa} OBJECT ${files})
  set_target_properties(regrad_isa_${isa}
    PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  target_compile_features(regrad_isa_${isa} PRIVATE cxx_std_20)
  target_compile_definitions(regrad_isa_${isa} PRIVATE REGRAD_ISA=${isa})
  # Loops vectorise only where no instruction may trap and errno is not used; NaN and infinity
  # keep their meaning. Products and sums are fused only where the source says so. -O3 in every
  # preset: a debug build of these loops would test nothing that ships.
  target_compile_options(regrad_isa_${isa} PRIVATE -O3 -fno-trapping-math -fno-math-errno
    -ffp-contract=off ${ARGN})
  # Vectors wider than a register are arguments of inlined functions only, and loops that call the C
  # library are not meant to vectorise.
  target_compile_options(regrad_isa_${isa} PRIVATE -Wno-psabi
    $<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>)
  target_link_libraries(regrad_isa_${isa} PRIVATE $<TARGET_NAME_IF_EXISTS:regrad_options>)
  set(REGRAD_KERNEL_OBJECTS ${REGRAD_KERNEL_OBJECTS} $<TARGET_OBJECTS:regrad_isa_${isa}>
    PARENT_SCOPE)
endfunction()

set(REGRAD_KERNEL_FILES
  batch_norm.cpp
  binary.cpp
  depthwise.cpp
  freq_norm.cpp
  gemm.cpp
  gemv.cpp
  int8.cpp
  int8_whole.cpp
  norm.cpp
  pool.cpp
  reduce.cpp
  res_norm.cpp
  softmax.cpp
  sparse.cpp
  table.cpp
  taps.cpp
  unary.cpp)
set_source_files_properties(${_kernels}/isa/taps.cpp PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)
regrad_kernels(baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  regrad_kernels(avx2 -mavx2 -mfma -mf16c -mbmi2)
  regrad_kernels(avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c -mbmi2
    -mprefer-vector-width=512)
  set_source_files_properties(${_kernels}/isa.cpp PROPERTIES COMPILE_DEFINITIONS REGRAD_KERNELS_X86)
endif()
