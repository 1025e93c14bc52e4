/* The int8 kernels that generated encoders call. C11; no heap, no globals, no recursion.
 *
 * Activations are int8, NHWC, one sample. A kernel reads its inputs, writes `out` and `scratch`, and nothing else; they
 * may overlap only where its comment says so. Layer structs are constants and live in flash with the arrays they point
 * to. Input zero points are folded into the biases by the generator: bias[c] = bias - zero_point * sum(weights of c).
 *
 * The unit of work is a row: a schedule decides which rows exist, and where. A kernel that looks through a window gets
 * `rows`, kernel_h pointers to input rows of [in_w][channels]: rows[i] lies i * dilation_h rows below rows[0]. NULL is
 * a row outside the map, which holds the input's zero point.
 *
 * `scratch` is aligned to 16 bytes; its size belongs to the kernel's variant and is known to the generator, which also
 * lays the weights out for the variant ("plain" below is the portable layout). Its contents never matter before or
 * after a call. Every variant gives the bytes of the portable kernel. */
#ifndef TCE_ENGINE_H
#define TCE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

/* For functions whose registers must be their own, or whose name a profiler must see. */
#define TCE_NOINLINE __attribute__((noinline))

#ifdef __cplusplus
extern "C" {
#endif

/* A real factor, multiplier * 2^(shift - 31). */
typedef struct {
    int32_t multiplier; /* [2^30, 2^31), or 0 */
    int32_t shift;      /* [-31, 30]; negative shifts right */
} tce_scale;

/* The factor s_in * s_weights / s_out of each output channel; 5 bytes a channel. */
typedef struct {
    const int32_t *multiplier; /* [c_out] */
    const int8_t *shift;       /* [c_out] */
} tce_scales;

/* What a layer does to a finished accumulator: add the zero point, clamp (a fused ReLU is in the limits), and look the
 * code up where another activation is fused. */
typedef struct {
    int32_t zero_point;  /* of the output, in int8 codes */
    int32_t low, high;   /* clamp limits, in int8 codes */
    const int8_t *table; /* NULL, or 256 entries: the clamped code q becomes table[q + 128] */
} tce_output;

/* Where a window of taps sits on its input rows: convolution, depthwise, pooling. Sizes in elements, NHWC.
 * Output column x reads input columns x * stride_w - pad_left + j * dilation_w, j in [0, kernel_w). */
typedef struct {
    int32_t in_w, channels; /* of an input row */
    int32_t out_w;
    int32_t kernel_h, kernel_w;
    int32_t stride_w, dilation_w;
    int32_t pad_left; /* columns left of the map; they hold the input's zero point */
} tce_window;

static inline int32_t tce_min(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* Rows `first`, `first + step`, ... of a map of `height` rows, of which the last `depth` are kept in a ring at `map`
 * (depth = height: the whole map). Rows outside the map become NULL. */
static inline void tce_find_rows(const int8_t **rows, int32_t count, const int8_t *map, int32_t first, int32_t step,
                                 int32_t height, int32_t depth, int32_t row_bytes) {
    for (int32_t i = 0; i < count; i++) {
        rows[i] = first >= 0 && first < height ? map + (first % depth) * row_bytes : NULL;
        first += step;
    }
}

/* Rows of k values times a matrix: 1x1 convolution, and every other convolution once its taps are gathered. */
typedef struct {
    const int8_t *weights; /* plain: [c_out][k] */
    const int32_t *bias;   /* [c_out], input offset folded in */
    tce_scales scale;      /* [c_out] */
    int32_t k, c_out;
    tce_output output;
} tce_conv1x1;

/* `pixels` pixels of a 1x1 convolution. in: [pixels][k]  out: [pixels][c_out].  Portable scratch: none. */
void tce_conv1x1_s8(const int8_t *in, int8_t *out, int32_t pixels, void *scratch, const tce_conv1x1 *layer);

/* Any other convolution. product.weights: plain [c_out][kernel_h][kernel_w][channels], product.k their count a channel.
 */
typedef struct {
    tce_window window;
    tce_conv1x1 product;
    int32_t in_zero_point;
} tce_conv;

/* One output row. out: [out_w][c_out]
 * Portable scratch: the gathered taps of two pixels, 2 * product.k bytes rounded up to 16, then tce_conv1x1_s8's. */
void tce_conv_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_conv *layer);

/* Depthwise convolution: channel c of the output sees only channel c / depth_multiplier of the input. */
typedef struct {
    tce_window window;
    const int8_t *weights;    /* plain: [kernel_h][kernel_w][channels * depth_multiplier] */
    const int32_t *bias;      /* [channels * depth_multiplier], input offset folded in */
    tce_scales scale;         /* [channels * depth_multiplier] */
    int32_t depth_multiplier; /* outputs a channel; 1 in tce_depthwise_row_s8 */
    int32_t in_zero_point;
    tce_output output;
} tce_depthwise;

/* Taps (kernel_h * kernel_w) that tce_depthwise_row_s8 is given at most; larger windows use the next function. */
#define TCE_DEPTHWISE_TAPS 64

/* One output row, depth_multiplier 1. out: [out_w][channels]
 * Portable scratch: the taps of one border pixel, kernel_h * kernel_w * channels bytes. */
void tce_depthwise_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_depthwise *layer);

/* One output row, any depth_multiplier. out: [out_w][channels * depth_multiplier].  Portable scratch: none. */
void tce_depthwise_multi_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_depthwise *layer);

/* Fully connected: out[r] = weights * in[r] + bias, rounded once (tce_requant_once). */
typedef struct {
    const int8_t *weights; /* plain: [c_out][c_in] */
    const int32_t *bias;   /* [c_out], input offset folded in */
    tce_scales scale;      /* [c_out] */
    int32_t c_in, c_out;
    tce_output output;
} tce_dense;

/* in: [rows][c_in]  out: [rows][c_out].  Portable scratch: none. */
void tce_dense_s8(const int8_t *in, int8_t *out, int32_t rows, void *scratch, const tce_dense *layer);

/* Two inputs element by element, with broadcasting: element (i, j, k) of the output reads
 * a[i * a_stride[0] + j * a_stride[1] + k * a_stride[2]], b likewise; stride 0 repeats. */
typedef struct {
    int32_t size[3];
    int32_t a_stride[3], b_stride[3];
    int32_t a_zero_point, b_zero_point;
    tce_scale a_scale, b_scale; /* tce_add_s8 only: to the common scale 2^-20 * 2 * max(s_a, s_b) */
    int32_t b_sign;             /* tce_add_s8 only: 1 adds b, -1 subtracts it */
    tce_scale scale;            /* to the output */
    tce_output output;
} tce_binary;

/* a + b or a - b, as TensorFlow Lite: both shifted left by 20, scaled, added, scaled. The larger scale's factor is
 * exactly 1/2, {2^30, 0}; sums are generated with that input as a, and the variants are fast there.
 * out may equal a or b where that input is not repeated. */
void tce_add_s8(const int8_t *a, const int8_t *b, int8_t *out, const tce_binary *layer);

/* a * b, one requantisation. out may equal a or b where that input is not repeated. */
void tce_mul_s8(const int8_t *a, const int8_t *b, int8_t *out, const tce_binary *layer);

/* tce_mul_s8 where b is one gate a channel: out[p][c] = in[p][c] * gate[c]; the same bytes. Of `layer` it reads the
 * zero points (a: in, b: gate), scale and output. in, out: [pixels][channels], out may equal in. */
void tce_mul_channels_s8(const int8_t *in, const int8_t *gate, int8_t *out, int32_t pixels, int32_t channels,
                         const tce_binary *layer);

/* Any function of one int8: out[i] = table[in[i] + 128]. table: 256 entries. out may equal in. */
void tce_table_s8(const int8_t *in, int8_t *out, int32_t count, const int8_t *table);

/* Softmax over the last axis, output scale 1/256, zero point -128. The steps are gemmlowp's, in 31 fractional bits. */
typedef struct {
    const int32_t *exponentials; /* [256]: exp(-s_in * beta * d) for d = 255 .. 0 codes below the row's maximum */
    int32_t depth;               /* elements a row, at most 4095 */
} tce_softmax;

/* in, out: [rows][depth]. out may equal in. */
void tce_softmax_s8(const int8_t *in, int8_t *out, int32_t rows, const tce_softmax *layer);

/* Mean over one or two blocks of axes: in: [outer][reduce_a][middle][reduce_b][inner]  out: [outer][middle][inner]. */
typedef struct {
    int32_t outer, reduce_a, middle, reduce_b, inner;
    int32_t offset;  /* - count * input zero point: what is added to the sum */
    tce_scale scale; /* s_in / s_out / count */
    tce_output output;
} tce_mean;

void tce_mean_s8(const int8_t *in, int8_t *out, const tce_mean *layer);

/* A mean as its rows arrive: adds [pixels][channels] to sums [channels], which the schedule has zeroed. */
void tce_mean_add_s8(const int8_t *row, int32_t *sums, int32_t pixels, int32_t channels);

/* A mean over the last rows of a stream: adds the sums of [pixels][channels] to sums [channels], takes away `kept`
 * [channels], the sums of the row that leaves, and keeps the new ones there. pixels <= 255, so that they fit. */
void tce_mean_slide_s8(const int8_t *row, int32_t *sums, int16_t *kept, int32_t pixels, int32_t channels);

/* The same for wider rows. */
void tce_mean_slide_wide_s8(const int8_t *row, int32_t *sums, int32_t *kept, int32_t pixels, int32_t channels);

/* The mean itself, once every row has been added: out [channels]. Of `layer` it reads offset, scale and output. */
void tce_mean_finish_s8(const int32_t *sums, int8_t *out, int32_t channels, const tce_mean *layer);

/* Pooling; padding takes no part. The quantisation of input and output is the same, so values only move. */
typedef struct {
    tce_window window;
    tce_output output; /* zero_point 0: codes are not shifted */
} tce_pool;

/* One output row of the average, divided by the taps inside the map, half away from zero. out: [out_w][channels]. */
void tce_average_pool_row_s8(const int8_t *const *rows, int8_t *out, const tce_pool *layer);

/* One output row of the maximum. out: [out_w][channels]. */
void tce_max_pool_row_s8(const int8_t *const *rows, int8_t *out, const tce_pool *layer);

/* Surrounds a block of up to four axes by a constant. */
typedef struct {
    int32_t size[4];             /* input */
    int32_t before[4], after[4]; /* elements added on each side of each axis */
    int8_t value;                /* the zero point */
} tce_pad;

void tce_pad_s8(const int8_t *in, int8_t *out, const tce_pad *layer);

/* `rows` runs of `run` bytes, from in (dense) to out (out_stride bytes apart): one input of a concatenation. */
void tce_copy_rows_s8(const int8_t *in, int8_t *out, int32_t rows, int32_t run, int32_t out_stride);

/* Transposition of up to four axes: out[i][j][k][l] = in[i * stride[0] + j * stride[1] + ...]. */
typedef struct {
    int32_t size[4];   /* output */
    int32_t stride[4]; /* input elements between neighbours along each output axis */
} tce_transpose;

void tce_transpose_s8(const int8_t *in, int8_t *out, const tce_transpose *layer);

#ifdef __cplusplus
}
#endif

#endif
