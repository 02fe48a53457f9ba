#pragma once

// Functions compiled for AVX-512, one by one: the program as a whole stays baseline x86-64. Where cpu_path says so they may be called.
#define WINNOW_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")))
