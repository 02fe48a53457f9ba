# Writes the commit this program is built from, and whether the tree had changes, into a source file of winnow_app at every build; the file
# changes, and the program is linked again, only when they do.
set(commit_source "${PROJECT_BINARY_DIR}/generated/build_commit.cpp")
add_custom_target(winnow_commit BYPRODUCTS "${commit_source}"
                  COMMAND ${CMAKE_COMMAND} -DSOURCE_FOLDER=${PROJECT_SOURCE_DIR} -DOUTPUT=${commit_source} -P "${CMAKE_CURRENT_LIST_DIR}/write_commit.cmake"
                  COMMENT "" VERBATIM)
target_sources(winnow_app PRIVATE "${commit_source}")
set_source_files_properties("${commit_source}" PROPERTIES GENERATED TRUE SKIP_PRECOMPILE_HEADERS TRUE SKIP_UNITY_BUILD_INCLUSION TRUE)
add_dependencies(winnow_app winnow_commit)
