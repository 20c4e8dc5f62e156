/* Numbers in lanes: one vector holds the same number of LANES landers. Everything here works on any machine that gcc or clang builds for;
   where there are instructions for it (AVX-512), they are named. */

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <stddef.h>

typedef double f64 __attribute__((vector_size(8 * LANES)));
typedef float f32 __attribute__((vector_size(4 * LANES)));
typedef long long i64 __attribute__((vector_size(8 * LANES)));
typedef int i32 __attribute__((vector_size(4 * LANES)));
typedef unsigned long long u64 __attribute__((vector_size(8 * LANES)));
typedef unsigned int u32 __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))
#define EACH_LANE for (int l = 0; l < LANES; l++)

#define ALL_f64(x) ((double)(x) - (f64){0})
#define ALL_f32(x) ((float)(x) - (f32){0})
#define ALL_i64(x) ((long long)(x) + (i64){0})
#define ALL_i32(x) ((int)(x) + (i32){0})
#define ALL_u64(x) ((unsigned long long)(x) + (u64){0})
#define ALL_u32(x) ((unsigned int)(x) + (u32){0})

#if LANES == 8 && defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include <immintrin.h>

typedef unsigned char mask;
#define ANY(m) ((m) != 0)
#define NOT(m) ((mask)~(m))
#define ALL_bool(x) ((mask)-(x))
#define COMPARE(name, real, whole)                                                                                                         \
    INLINE mask name##_f64(f64 a, f64 b) { return _mm512_cmp_pd_mask(a, b, real); }                                                       \
    INLINE mask name##_f32(f32 a, f32 b) { return _mm256_cmp_ps_mask(a, b, real); }                                                       \
    INLINE mask name##_i64(i64 a, i64 b) { return _mm512_cmp_epi64_mask((__m512i)a, (__m512i)b, whole); }                                 \
    INLINE mask name##_i32(i32 a, i32 b) { return _mm256_cmp_epi32_mask((__m256i)a, (__m256i)b, whole); }                                 \
    INLINE mask name##_u64(u64 a, u64 b) { return _mm512_cmp_epu64_mask((__m512i)a, (__m512i)b, whole); }                                 \
    INLINE mask name##_u32(u32 a, u32 b) { return _mm256_cmp_epu32_mask((__m256i)a, (__m256i)b, whole); }
COMPARE(LT, _CMP_LT_OQ, _MM_CMPINT_LT)
COMPARE(LE, _CMP_LE_OQ, _MM_CMPINT_LE)
COMPARE(EQ, _CMP_EQ_OQ, _MM_CMPINT_EQ)
COMPARE(NE, _CMP_NEQ_UQ, _MM_CMPINT_NE)
COMPARE(GT, _CMP_GT_OQ, _MM_CMPINT_NLE)
COMPARE(GE, _CMP_GE_OQ, _MM_CMPINT_NLT)
INLINE f64 SELECT_f64(mask m, f64 a, f64 b) { return _mm512_mask_blend_pd(m, b, a); }
INLINE f32 SELECT_f32(mask m, f32 a, f32 b) { return _mm256_mask_blend_ps(m, b, a); }
INLINE i64 SELECT_i64(mask m, i64 a, i64 b) { return (i64)_mm512_mask_blend_epi64(m, (__m512i)b, (__m512i)a); }
INLINE u64 SELECT_u64(mask m, u64 a, u64 b) { return (u64)_mm512_mask_blend_epi64(m, (__m512i)b, (__m512i)a); }
INLINE i32 SELECT_i32(mask m, i32 a, i32 b) { return (i32)_mm256_mask_blend_epi32(m, (__m256i)b, (__m256i)a); }
INLINE u32 SELECT_u32(mask m, u32 a, u32 b) { return (u32)_mm256_mask_blend_epi32(m, (__m256i)b, (__m256i)a); }
INLINE mask SELECT_bool(mask m, mask a, mask b) { return (m & a) | (~m & b); }
INLINE f64 SQRT_f64(f64 x) { return _mm512_sqrt_pd(x); }
INLINE f32 SQRT_f32(f32 x) { return _mm256_sqrt_ps(x); }
INLINE f64 FLOOR_f64(f64 x) { return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
INLINE f64 CEIL_f64(f64 x) { return _mm512_roundscale_pd(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
INLINE f64 EVEN_f64(f64 x) { return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE f64 TRUNC_f64(f64 x) { return _mm512_roundscale_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
INLINE f64 ABS_f64(f64 x) { return _mm512_abs_pd(x); }
/* The second operand if either is NaN. */
INLINE f64 MAX_KNOWN_f64(f64 a, f64 b) { return _mm512_max_pd(a, b); }
INLINE f64 MIN_KNOWN_f64(f64 a, f64 b) { return _mm512_min_pd(a, b); }
INLINE f32 MAX_KNOWN_f32(f32 a, f32 b) { return _mm256_max_ps(a, b); }
INLINE f32 MIN_KNOWN_f32(f32 a, f32 b) { return _mm256_min_ps(a, b); }
INLINE i64 LOOK_UP_i64(const int64_t *table, i64 index) { return (i64)_mm512_i64gather_epi64((__m512i)index, table, 8); }
INLINE f64 LOOK_UP_f64(const double *table, i64 index) { return _mm512_i64gather_pd((__m512i)index, table, 8); }
INLINE i32 TRUNC_i32(f64 x) { return (i32)_mm512_cvttpd_epi32(x); }
INLINE i64 TRUNC_i64(f64 x) { return (i64)_mm512_cvttpd_epi64(x); }
#else
typedef i64 mask;
INLINE int ANY(mask m) { long long any = 0; EACH_LANE any |= m[l]; return any != 0; }
#define NOT(m) (~(m))
#define ALL_bool(x) (-(long long)(x) + (i64){0})
#define COMPARE(name, sign)                                                                                                                \
    INLINE mask name##_f64(f64 a, f64 b) { return (mask)(a sign b); }                                                                     \
    INLINE mask name##_f32(f32 a, f32 b) { return __builtin_convertvector(a sign b, mask); }                                              \
    INLINE mask name##_i64(i64 a, i64 b) { return (mask)(a sign b); }                                                                     \
    INLINE mask name##_i32(i32 a, i32 b) { return __builtin_convertvector(a sign b, mask); }                                              \
    INLINE mask name##_u64(u64 a, u64 b) { return (mask)(a sign b); }                                                                     \
    INLINE mask name##_u32(u32 a, u32 b) { return __builtin_convertvector(a sign b, mask); }
COMPARE(LT, <)
COMPARE(LE, <=)
COMPARE(EQ, ==)
COMPARE(NE, !=)
COMPARE(GT, >)
COMPARE(GE, >=)
#define SELECT_64(kind) INLINE kind SELECT_##kind(mask m, kind a, kind b) { return (kind)(((i64)a & m) | ((i64)b & ~m)); }
#define SELECT_32(kind)                                                                                                                    \
    INLINE kind SELECT_##kind(mask m, kind a, kind b)                                                                                      \
    {                                                                                                                                      \
        i32 n = __builtin_convertvector(m, i32);                                                                                           \
        return (kind)(((i32)a & n) | ((i32)b & ~n));                                                                                       \
    }
SELECT_64(f64)
SELECT_64(i64)
SELECT_64(u64)
SELECT_32(f32)
SELECT_32(i32)
SELECT_32(u32)
INLINE mask SELECT_bool(mask m, mask a, mask b) { return (m & a) | (~m & b); }
#define BY_LANE(name, kind, function) INLINE kind name##_##kind(kind x) { kind y; EACH_LANE y[l] = function(x[l]); return y; }
BY_LANE(SQRT, f64, sqrt)
BY_LANE(SQRT, f32, sqrtf)
BY_LANE(FLOOR, f64, floor)
BY_LANE(CEIL, f64, ceil)
BY_LANE(EVEN, f64, rint)
BY_LANE(TRUNC, f64, trunc)
INLINE f64 ABS_f64(f64 x) { return (f64)((i64)x & INT64_MAX); }
INLINE f64 MAX_KNOWN_f64(f64 a, f64 b) { return SELECT_f64((mask)(a > b), a, b); }
INLINE f64 MIN_KNOWN_f64(f64 a, f64 b) { return SELECT_f64((mask)(a < b), a, b); }
INLINE f32 MAX_KNOWN_f32(f32 a, f32 b) { return SELECT_f32(GT_f32(a, b), a, b); }
INLINE f32 MIN_KNOWN_f32(f32 a, f32 b) { return SELECT_f32(LT_f32(a, b), a, b); }
INLINE i64 LOOK_UP_i64(const int64_t *table, i64 index) { i64 y; EACH_LANE y[l] = table[index[l]]; return y; }
INLINE f64 LOOK_UP_f64(const double *table, i64 index) { f64 y; EACH_LANE y[l] = table[index[l]]; return y; }
INLINE i32 TRUNC_i32(f64 x) { return __builtin_convertvector(x, i32); }
INLINE i64 TRUNC_i64(f64 x) { return __builtin_convertvector(x, i64); }
#endif

/* One number of each lane from an array that each lane has for itself. */
#define PICK(kind) INLINE kind PICK_##kind(const kind *array, i64 index) { kind y; EACH_LANE y[l] = array[index[l]][l]; return y; }
PICK(f64)
PICK(f32)
PICK(i64)
PICK(i32)
PICK(u32)

/* Of two extremes NaN wins, or the second. */
INLINE f64 MAX_f64(f64 a, f64 b) { return SELECT_f64(NE_f64(a, a), a, MAX_KNOWN_f64(a, b)); }
INLINE f64 MIN_f64(f64 a, f64 b) { return SELECT_f64(NE_f64(a, a), a, MIN_KNOWN_f64(a, b)); }
INLINE f32 MAX_f32(f32 a, f32 b) { return SELECT_f32(NE_f32(a, a), a, MAX_KNOWN_f32(a, b)); }
INLINE f32 MIN_f32(f32 a, f32 b) { return SELECT_f32(NE_f32(a, a), a, MIN_KNOWN_f32(a, b)); }
#define EXTREMES(kind, type)                                                                                                               \
    INLINE kind MAX_##kind(kind a, kind b) { return SELECT_##kind(GT_##kind(a, b), a, b); }                                               \
    INLINE kind MIN_##kind(kind a, kind b) { return SELECT_##kind(LT_##kind(a, b), a, b); }                                               \
    INLINE kind MAX_KNOWN_##kind(kind a, kind b) { return MAX_##kind(a, b); }                                                             \
    INLINE kind MIN_KNOWN_##kind(kind a, kind b) { return MIN_##kind(a, b); }
EXTREMES(i64, int64_t)
EXTREMES(i32, int32_t)
EXTREMES(u64, uint64_t)
EXTREMES(u32, uint32_t)
#define SHARED_EXTREMES(kind, type)                                                                                                        \
    INLINE type max_##kind(type a, type b) { return a != a ? a : a > b ? a : b; }                                                         \
    INLINE type min_##kind(type a, type b) { return a != a ? a : a < b ? a : b; }                                                         \
    INLINE type max_known_##kind(type a, type b) { return a > b ? a : b; }                                                                \
    INLINE type min_known_##kind(type a, type b) { return a < b ? a : b; }                                                                \
    INLINE type sign_##kind(type a) { return a > 0 ? 1 : a < 0 ? -1 : a; }
SHARED_EXTREMES(f64, double)
SHARED_EXTREMES(f32, float)
SHARED_EXTREMES(i64, int64_t)
SHARED_EXTREMES(i32, int32_t)
SHARED_EXTREMES(u64, uint64_t)
SHARED_EXTREMES(u32, uint32_t)
#define SIGN(kind)                                                                                                                         \
    INLINE kind SIGN_##kind(kind a)                                                                                                        \
    {                                                                                                                                      \
        kind zero = {0};                                                                                                                   \
        return SELECT_##kind(GT_##kind(a, zero), zero + 1, SELECT_##kind(LT_##kind(a, zero), zero - 1, a));                                \
    }
SIGN(f64)
SIGN(f32)
SIGN(i64)
SIGN(i32)
INLINE i64 ABS_i64(i64 a) { return SELECT_i64(LT_i64(a, (i64){0}), -a, a); }
INLINE i32 ABS_i32(i32 a) { return SELECT_i32(LT_i32(a, (i32){0}), -a, a); }
INLINE f32 ABS_f32(f32 a) { return (f32)((i32)a & 0x7FFFFFFF); }
INLINE f64 AWAY_f64(f64 x)
{
    f64 whole = TRUNC_f64(x), one = (f64)(((i64)x & INT64_MIN) | (i64)ALL_f64(1.0));
    return SELECT_f64(GE_f64(ABS_f64(x - whole), ALL_f64(0.5)), whole + one, whole);
}
#define even_f64 rint
#define away_f64 round
#define abs_f64 fabs
#define abs_f32 fabsf
#define abs_i64 llabs
#define abs_i32 abs
#define floor_f64 floor
#define ceil_f64 ceil
#define sqrt_f64 sqrt
#define sqrt_f32 sqrtf

/* Of integers: by zero the quotient is -1 and the remainder all. */
#define DIVISION(kind, type)                                                                                                               \
    INLINE type quotient_##kind(type a, type b) { return b == 0 ? -1 : b == -1 ? -a : a / b; }                                            \
    INLINE type remainder_##kind(type a, type b) { return b == 0 ? a : b == -1 ? 0 : a % b; }                                             \
    INLINE kind QUOTIENT_##kind(kind a, kind b) { kind y; EACH_LANE y[l] = quotient_##kind(a[l], b[l]); return y; }                       \
    INLINE kind REMAINDER_##kind(kind a, kind b) { kind y; EACH_LANE y[l] = remainder_##kind(a[l], b[l]); return y; }
DIVISION(i64, int64_t)
DIVISION(i32, int32_t)

/* From one kind to another; to an integer it saturates, and NaN becomes 0. */
#define CONVERT(to, TO, from, FROM) INLINE to TO##_OF_##FROM(from x) { return __builtin_convertvector(x, to); }
CONVERT(f64, F64, f32, F32)
CONVERT(f64, F64, i64, I64)
CONVERT(f64, F64, i32, I32)
CONVERT(f64, F64, u32, U32)
CONVERT(f32, F32, f64, F64)
CONVERT(f32, F32, i64, I64)
CONVERT(f32, F32, i32, I32)
CONVERT(f32, F32, u32, U32)
CONVERT(i64, I64, i32, I32)
CONVERT(i64, I64, u32, U32)
CONVERT(i32, I32, i64, I64)
CONVERT(i32, I32, u32, U32)
CONVERT(u32, U32, i64, I64)
CONVERT(u32, U32, i32, I32)
INLINE i32 I32_OF_F64(f64 x)
{
    i32 y = TRUNC_i32(MAX_KNOWN_f64(ALL_f64(-2147483648.0), MIN_KNOWN_f64(ALL_f64(2147483647.0), x)));
    return SELECT_i32(EQ_f64(x, x), y, (i32){0});
}
INLINE i64 I64_OF_F64(f64 x)
{
    i64 y = TRUNC_i64(MAX_KNOWN_f64(ALL_f64(-0x1p63), x));
    y = SELECT_i64(GE_f64(x, ALL_f64(0x1p63)), ALL_i64(INT64_MAX), y);
    return SELECT_i64(EQ_f64(x, x), y, (i64){0});
}
INLINE int32_t i32_of_f64(double x) { return x != x ? 0 : x >= 2147483647.0 ? INT32_MAX : x <= -2147483648.0 ? INT32_MIN : (int32_t)x; }
INLINE int64_t i64_of_f64(double x) { return x != x ? 0 : x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : (int64_t)x; }

/* Functions: glibc's vectors of them where it has that width (errors up to 4 units in the last place), else lane by lane. */
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#if defined(__x86_64__) && LANES == 8 && defined(__AVX512F__)
#define VECTORS(arguments) PASTE(_ZGVeN8, arguments)
#elif defined(__x86_64__) && LANES == 4 && defined(__AVX2__)
#define VECTORS(arguments) PASTE(_ZGVdN4, arguments)
#endif
#ifdef VECTORS
#define FUNCTION(NAME, name)                                                                                                               \
    f64 VECTORS(v_##name)(f64) __attribute__((const));                                                                                     \
    INLINE f64 NAME##_f64(f64 x) { return VECTORS(v_##name)(x); }
#define FUNCTION_OF_TWO(NAME, name)                                                                                                        \
    f64 VECTORS(vv_##name)(f64, f64) __attribute__((const));                                                                               \
    INLINE f64 NAME##_f64(f64 x, f64 y) { return VECTORS(vv_##name)(x, y); }
#else
#define FUNCTION(NAME, name) INLINE f64 NAME##_f64(f64 x) { f64 y; EACH_LANE y[l] = name(x[l]); return y; }
#define FUNCTION_OF_TWO(NAME, name) INLINE f64 NAME##_f64(f64 x, f64 y) { f64 z; EACH_LANE z[l] = name(x[l], y[l]); return z; }
#endif
FUNCTION(SIN, sin)
FUNCTION(COS, cos)
FUNCTION(TAN, tan)
FUNCTION(ASIN, asin)
FUNCTION(ACOS, acos)
FUNCTION(ATAN, atan)
FUNCTION(SINH, sinh)
FUNCTION(COSH, cosh)
FUNCTION(TANH, tanh)
FUNCTION(EXP, exp)
FUNCTION(EXPM1, expm1)
FUNCTION(LOG, log)
FUNCTION(LOG1P, log1p)
FUNCTION(CBRT, cbrt)
FUNCTION(ERF, erf)
FUNCTION_OF_TWO(ATAN2, atan2)
FUNCTION_OF_TWO(POW, pow)
#define sin_f64 sin
#define cos_f64 cos
#define tan_f64 tan
#define asin_f64 asin
#define acos_f64 acos
#define atan_f64 atan
#define sinh_f64 sinh
#define cosh_f64 cosh
#define tanh_f64 tanh
#define exp_f64 exp
#define expm1_f64 expm1
#define log_f64 log
#define log1p_f64 log1p
#define cbrt_f64 cbrt
#define erf_f64 erf
#define atan2_f64 atan2
#define pow_f64 pow

/* Inverse of the error function, single precision. M. Giles, Approximating the erfinv function (GPU Computing Gems, Jade edition). */
#if defined(__x86_64__) && LANES == 8 && defined(__AVX2__)
f32 _ZGVdN8v_log1pf(f32) __attribute__((const));
#define LOG1P_f32 _ZGVdN8v_log1pf
#else
INLINE f32 LOG1P_f32(f32 x) { f32 y; EACH_LANE y[l] = log1pf(x[l]); return y; }
#endif
#define GILES(p, w, c) p = c + p * w
INLINE f32 ERF_INV_f32(f32 x)
{
    f32 w = -LOG1P_f32(-x * x), near = w - 2.5f, far = SQRT_f32(w) - 3.0f;
    f32 p = ALL_f32(2.81022636e-08f), q = ALL_f32(-0.000200214257f);
    GILES(p, near, 3.43273939e-07f);
    GILES(p, near, -3.5233877e-06f);
    GILES(p, near, -4.39150654e-06f);
    GILES(p, near, 0.00021858087f);
    GILES(p, near, -0.00125372503f);
    GILES(p, near, -0.00417768164f);
    GILES(p, near, 0.246640727f);
    GILES(p, near, 1.50140941f);
    if (ANY(GE_f32(w, ALL_f32(5.0f)))) {
        GILES(q, far, 0.000100950558f);
        GILES(q, far, 0.00134934322f);
        GILES(q, far, -0.00367342844f);
        GILES(q, far, 0.00573950773f);
        GILES(q, far, -0.0076224613f);
        GILES(q, far, 0.00943887047f);
        GILES(q, far, 1.00167406f);
        GILES(q, far, 2.83297682f);
        p = SELECT_f32(LT_f32(w, ALL_f32(5.0f)), p, q);
    }
    return SELECT_f32(EQ_f32(ABS_f32(x), ALL_f32(1.0f)), x * INFINITY, p * x);
}
INLINE float erf_inv_f32(float x) { return ERF_INV_f32(ALL_f32(x))[0]; }
INLINE float log1p_f32(float x) { return log1pf(x); }

/* To and from arrays in which a lander's numbers lie together: `count` numbers of the landers `who`. */
#define CARRIED(kind, type)                                                                                                                \
    INLINE void TAKE_##kind(kind *to, const type *from, long count, const int64_t *who)                                                   \
    {                                                                                                                                      \
        for (long k = 0; k < count; k++) EACH_LANE to[k][l] = from[who[l] * count + k];                                                    \
    }                                                                                                                                      \
    INLINE void GIVE_##kind(type *to, const kind *from, long count, const int64_t *who, int landers)                                      \
    {                                                                                                                                      \
        for (long k = 0; k < count; k++) for (int l = 0; l < landers; l++) to[who[l] * count + k] = from[k][l];                            \
    }
CARRIED(f64, double)
CARRIED(f32, float)
CARRIED(i64, int64_t)
CARRIED(i32, int32_t)
CARRIED(u64, uint64_t)
CARRIED(u32, uint32_t)
INLINE void TAKE_bool(mask *to, const _Bool *from, long count, const int64_t *who)
{
    for (long k = 0; k < count; k++) {
        i64 flags;
        EACH_LANE flags[l] = from[who[l] * count + k];
        to[k] = NE_i64(flags, (i64){0});
    }
}
INLINE void GIVE_bool(_Bool *to, const mask *from, long count, const int64_t *who, int landers)
{
    for (long k = 0; k < count; k++) {
        i64 flags = SELECT_i64(from[k], ALL_i64(1), (i64){0});
        for (int l = 0; l < landers; l++) to[who[l] * count + k] = flags[l] != 0;
    }
}
