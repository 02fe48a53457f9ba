# Makes the imported target winnow::libtorch from a torch wheel (or a libtorch folder) without find_package(Torch), which
# would demand a CUDA toolkit whenever the wheel was built for CUDA. WINNOW_LIBTORCH names the folder that holds
# include/ and lib/libtorch_cpu.so; without it the copy made by ci/install_dependencies is taken.
set(WINNOW_LIBTORCH "$ENV{WINNOW_LIBTORCH}" CACHE PATH "Folder with include/ and lib/libtorch_cpu.so (a torch wheel's torch/ folder)")
if(NOT WINNOW_LIBTORCH AND NOT "$ENV{WINNOW_LIBTORCH}" STREQUAL "")  # named since the last configure
  set(WINNOW_LIBTORCH "$ENV{WINNOW_LIBTORCH}")
elseif(NOT WINNOW_LIBTORCH)
  set(WINNOW_LIBTORCH "${PROJECT_SOURCE_DIR}/.deps/libtorch-2.11.0/torch")
endif()
foreach(file include/ATen/ATen.h lib/libtorch_cpu.so lib/libc10.so)
  if(NOT EXISTS "${WINNOW_LIBTORCH}/${file}")
    message(FATAL_ERROR "libtorch: ${WINNOW_LIBTORCH}/${file} is missing; run ci/install_dependencies, or set WINNOW_LIBTORCH "
                        "to the torch folder of an installed torch 2.11 wheel")
  endif()
endforeach()

# The wheel's include folder also carries fmt 12, which would shadow the system's fmt 9: a view with only torch's own headers.
set(libtorch_view "${PROJECT_BINARY_DIR}/libtorch-include")
file(MAKE_DIRECTORY "${libtorch_view}")
foreach(folder ATen c10 caffe2 torch)
  file(CREATE_LINK "${WINNOW_LIBTORCH}/include/${folder}" "${libtorch_view}/${folder}" SYMBOLIC)
endforeach()

add_library(winnow_c10 SHARED IMPORTED)
set_target_properties(winnow_c10 PROPERTIES IMPORTED_LOCATION "${WINNOW_LIBTORCH}/lib/libc10.so")
add_library(winnow_torch_cpu SHARED IMPORTED)
set_target_properties(winnow_torch_cpu PROPERTIES IMPORTED_LOCATION "${WINNOW_LIBTORCH}/lib/libtorch_cpu.so")
add_library(winnow_libtorch INTERFACE)
target_include_directories(winnow_libtorch SYSTEM INTERFACE "${libtorch_view}")
# libtorch_cpu.so finds its CUDA run-time libraries by its own RPATH in a wheel; the linker must be told not to look for them.
target_link_libraries(winnow_libtorch INTERFACE winnow_torch_cpu winnow_c10)
target_link_options(winnow_libtorch INTERFACE -Wl,--allow-shlib-undefined)
add_library(winnow::libtorch ALIAS winnow_libtorch)
