# CUDA kernels of our own, where there is an nvcc: a library without torch that the engine opens at run time and can do without.
find_program(NVCC nvcc HINTS "$ENV{CUDA_HOME}/bin" /usr/local/cuda/bin)
if(NVCC)
  file(GLOB device_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/harness/engine/kernels/*.cu")
  set(device_library "${PROJECT_BINARY_DIR}/libwinnow_kernels.so")
  add_custom_command(OUTPUT "${device_library}"
                     COMMAND ${NVCC} -O3 -std=c++17 -arch=sm_90 -shared -Xcompiler -fPIC -cudart shared -o "${device_library}" ${device_sources}
                     DEPENDS ${device_sources} COMMENT "Compiling CUDA kernels" VERBATIM)
  add_custom_target(winnow_kernels ALL DEPENDS "${device_library}")
else()
  add_custom_target(winnow_kernels)
endif()
