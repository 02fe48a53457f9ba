# Warnings, sanitizers, and a compiler cache that works for clones in any folder.
find_program(CCACHE ccache)
if(CCACHE)
  # Paths below the clone are hashed as relative ones. Time stamps of headers would otherwise keep precompiled headers from ever hitting.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
                                  CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 finds faults in its own std::string that are none (its bugs 105329 and 105651).
  add_compile_options(-fpch-preprocess -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow)
endif()
if(WINNOW_WERROR)
  add_compile_options(-Werror)
endif()
if(WINNOW_SANITIZE)
  add_compile_options(-fsanitize=${WINNOW_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WINNOW_SANITIZE})
endif()
