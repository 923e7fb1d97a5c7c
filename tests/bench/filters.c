/* `turgor.core.filters.filter_block` in C: the same state words, the same integers, written as one writes C.
   The yardstick for the board's viper code: arm-none-eabi-gcc -O2 -mcpu=cortex-m0plus -mthumb. */
#include <stdint.h>

enum { E_HIGH, E_LOW, C_HIGH, C_LOW, Z, G, Y, V, REST_HIGH, REST_LOW, REST_Y, SECTION_WORDS };
enum { LAST = 22, SUMS = 26, COUNT = 30, FLAGS, SECTIONS, MEDIAN, CALIBRATED, OFFSET, GAIN_HIGH, GAIN_LOW, GAIN_SHIFT,
       THRESHOLD, RELEASE, SETTLE };
enum { CODE_BIAS = 1 << 24, LOW_BIAS = 1 << 13, GAIN_BIAS = 1 << 14, WORD_BIAS = 1 << 29, LIMIT_CODE = 8388600 };

static inline int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t middle(int32_t a, int32_t b, int32_t c)
{
    return b > c ? (a > b ? b : a < c ? c : a) : (a > c ? c : a < b ? b : a);
}

/* A section's coefficients, and its state while a block passes: signed, so without the biases of the words. */
struct section {
    int32_t e_high, e_low, c_high, c_low, z, g, y, v, rest_high, rest_low, rest_y;
};

static inline struct section loaded(const int32_t *p)
{
    return (struct section){p[E_HIGH], p[E_LOW] - LOW_BIAS, -p[C_HIGH], LOW_BIAS - p[C_LOW], p[Z], p[G],
                            p[Y] - WORD_BIAS, p[V] - WORD_BIAS, p[REST_HIGH], p[REST_LOW], p[REST_Y]};
}

static inline void store(int32_t *p, const struct section *q)
{
    p[Y] = q->y + WORD_BIAS;
    p[V] = q->v + WORD_BIAS;
    p[REST_HIGH] = q->rest_high;
    p[REST_LOW] = q->rest_low;
    p[REST_Y] = q->rest_y;
}

static inline int32_t step(struct section *q, int32_t input)
{
    const int32_t u = input - q->y, v = q->v;
    const int32_t u_high = u >> 14, u_low = u & 0x3fff, v_high = v >> 14, v_low = v & 0x3fff;
    /* Of the orders of these sums, the one that the compiler makes the shortest code of. */
    const int32_t m = ((u_low * q->e_low + v_low * q->c_low) >> 14) + q->rest_low + u_low * q->e_high
                      + v_low * q->c_high + u_high * q->e_low + v_high * q->c_low;
    const int32_t t = u_high * q->e_high + v_high * q->c_high + (m >> 14) + q->rest_high;
    q->rest_low = m & 0x3fff;
    q->rest_high = t & ((1 << q->z) - 1);
    q->v = v + (t >> q->z);
    const int32_t w = q->v + q->rest_y;
    q->rest_y = w & ((1 << q->g) - 1);
    q->y += w >> q->g;
    return q->y;
}

/* One section alone, of n codes after the first: the sums of 2 and the section, without median, limits and flags. */
void section_block(int32_t n, int32_t *restrict s, const int32_t *x, int32_t *o)
{
    struct section q = loaded(s);
    int32_t x1 = s[SUMS] - CODE_BIAS, x2 = s[SUMS + 1] - 2 * CODE_BIAS;
    for (const int32_t *const end = x + n; x < end; x++, o++) {
        const int32_t code = *x, sum = code + x1, input = (sum + x2) << 3;
        x1 = code;
        x2 = sum;
        *o = step(&q, input);
    }
    store(s, &q);
    s[SUMS] = x1 + CODE_BIAS;
    s[SUMS + 1] = x2 + 2 * CODE_BIAS;
}

static inline void start(int32_t *s, int32_t code)
{
    for (int i = 0; i < 4; i++) {
        s[LAST + i] = code;
        s[SUMS + i] = code << i;
    }
    for (int32_t *p = s; p < s + 2 * SECTION_WORDS; p += SECTION_WORDS) {
        p[Y] = code << 5;
        p[V] = WORD_BIAS;
        p[REST_HIGH] = p[REST_LOW] = 0;
        p[REST_Y] = (1 << p[G]) >> 1;
    }
}

int32_t filter_block(int32_t first, int32_t end, int32_t *restrict s, const int32_t *x, int32_t *o)
{
    const int32_t sections = s[SECTIONS], median = s[MEDIAN], calibrated = s[CALIBRATED];
    int32_t flags = s[FLAGS] & 3;
    if (s[COUNT] == 0 && first < end)
        start(s, x[first] + CODE_BIAS);
    int32_t m1 = s[LAST] - CODE_BIAS, m2 = s[LAST + 1] - CODE_BIAS, m3 = s[LAST + 2] - CODE_BIAS,
            m4 = s[LAST + 3] - CODE_BIAS;
    int32_t x1 = s[SUMS] - CODE_BIAS, x2 = s[SUMS + 1] - 2 * CODE_BIAS, x3 = s[SUMS + 2] - 4 * CODE_BIAS,
            x4 = s[SUMS + 3] - 8 * CODE_BIAS;
    struct section q = loaded(s);
    for (int32_t i = first; i < end; i++) {
        int32_t a = x[i];
        if (a >= LIMIT_CODE || a <= -LIMIT_CODE)
            flags |= 1;
        if (median != 1) {
            int32_t low = m1, high = m2;
            if (median == 5) {
                low = larger(smaller(m1, m2), smaller(m3, m4));
                high = smaller(larger(m1, m2), larger(m3, m4));
                m4 = m3;
                m3 = m2;
            }
            m2 = m1;
            m1 = a;
            a = middle(a, low, high);
        }
        int32_t sum = a + x1;
        x1 = a;
        a = sum + x2;
        x2 = sum;
        if (sections == 1) {
            a <<= 3;
        } else {
            sum = a + x3;
            x3 = a;
            a = (sum + x4) << 1;
            x4 = sum;
        }
        o[i] = step(&q, a);
    }
    store(s, &q);
    s[SUMS] = x1 + CODE_BIAS;
    s[SUMS + 1] = x2 + 2 * CODE_BIAS;
    if (median != 1) {
        s[LAST] = m1 + CODE_BIAS;
        s[LAST + 1] = m2 + CODE_BIAS;
        s[LAST + 2] = m3 + CODE_BIAS;
        s[LAST + 3] = m4 + CODE_BIAS;
    }
    if (sections == 2) {
        s[SUMS + 2] = x3 + 4 * CODE_BIAS;
        s[SUMS + 3] = x4 + 8 * CODE_BIAS;
        q = loaded(s + SECTION_WORDS);
        for (int32_t i = first; i < end; i++)
            o[i] = step(&q, o[i]);
        store(s + SECTION_WORDS, &q);
    }
    if (calibrated) {
        const int32_t offset = s[OFFSET] - WORD_BIAS, gain_high = s[GAIN_HIGH] - GAIN_BIAS, gain_low = s[GAIN_LOW];
        const int32_t shift = s[GAIN_SHIFT], half = (1 << shift) >> 1;
        const int32_t threshold = s[THRESHOLD] - WORD_BIAS, release = s[RELEASE] - WORD_BIAS;
        for (int32_t i = first; i < end; i++) {
            const int32_t d = o[i] - offset, d_high = d >> 15, d_low = d & 0x7fff;
            const int32_t mid = d_high * gain_low + d_low * gain_high + ((d_low * gain_low) >> 15);
            const int32_t value = (d_high * gain_high + (mid >> 15) + half) >> shift;
            o[i] = value;
            flags = value >= (flags & 2 ? release : threshold) ? flags | 2 : flags & ~2;
        }
    }
    const int32_t count = smaller(s[COUNT] + (end - first), 0x1fffffff);
    s[COUNT] = count;
    if (count > s[SETTLE])
        flags |= 4;
    s[FLAGS] = flags;
    return flags;
}
