#pragma once
// Vectors of 16 floats, loaded from and stored to f32 or bf16 memory. To be called only where cpu_path(dtype) is not kOperators: the functions are
// compiled for AVX-512 one by one, the program as a whole stays baseline x86-64.
#include <c10/util/BFloat16.h>
#include <immintrin.h>

#include <cstdint>

#include "harness/engine/kernels/target.h"

#define WINNOW_AVX512_INLINE WINNOW_AVX512 __attribute__((always_inline)) inline

namespace winnow {

constexpr int kLanes = 16;

WINNOW_AVX512_INLINE __m512 load16(const float* from) { return _mm512_loadu_ps(from); }
WINNOW_AVX512_INLINE __m512 load16(const float* from, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, from); }
WINNOW_AVX512_INLINE __m512 load16(const c10::BFloat16* from) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))), 16));
}
WINNOW_AVX512_INLINE __m512 load16(const c10::BFloat16* from, __mmask16 mask) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)), 16));
}

WINNOW_AVX512_INLINE __m256i to_bf16(__m512 value) { return (__m256i)_mm512_cvtneps_pbh(value); }
WINNOW_AVX512_INLINE void store16(float* to, __m512 value) { _mm512_storeu_ps(to, value); }
WINNOW_AVX512_INLINE void store16(float* to, __m512 value, __mmask16 mask) { _mm512_mask_storeu_ps(to, mask, value); }
WINNOW_AVX512_INLINE void store16(c10::BFloat16* to, __m512 value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), to_bf16(value)); }
WINNOW_AVX512_INLINE void store16(c10::BFloat16* to, __m512 value, __mmask16 mask) { _mm256_mask_storeu_epi16(to, mask, to_bf16(value)); }

// Of the last, partial vector of a row.
WINNOW_AVX512_INLINE __mmask16 tail_mask(std::int64_t left) { return left >= kLanes ? __mmask16(0xffff) : __mmask16((1u << left) - 1u); }

// What a store and a load in the row's dtype would leave.
WINNOW_AVX512_INLINE __m512 rounded(__m512 value, const float*) { return value; }
WINNOW_AVX512_INLINE __m512 rounded(__m512 value, const c10::BFloat16*) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(to_bf16(value)), 16));
}

// e^x to about 1 ulp: 2^n · p(r), r = x − n·ln 2 in two parts, p the Taylor polynomial of degree 7 on |r| ≤ ln 2 / 2. NaN stays NaN.
WINNOW_AVX512_INLINE __m512 exp16(__m512 x) {
  x = _mm512_min_ps(_mm512_set1_ps(89.0f), _mm512_max_ps(_mm512_set1_ps(-104.0f), x));  // the second operand is kept if it is NaN
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693145752f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(1.42860677e-6f), r);
  __m512 p = _mm512_set1_ps(1.0f / 5040);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 720));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

}  // namespace winnow
