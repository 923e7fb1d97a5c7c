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

int32_t filter_block(int32_t first, int32_t end, int32_t *restrict s, const int32_t *x, int32_t *o)
{
    const int32_t sections = s[SECTIONS], median = s[MEDIAN];
    int32_t flags = s[FLAGS] & 3;
    if (s[COUNT] == 0 && first < end) {
        const int32_t code = x[first] + CODE_BIAS;
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
    for (int32_t k = 1; k <= sections; k++) {
        int32_t *p = s + (k - 1) * SECTION_WORDS;
        const int32_t e_high = p[E_HIGH], e_low = p[E_LOW] - LOW_BIAS, c_high = p[C_HIGH], c_low = p[C_LOW] - LOW_BIAS;
        const int32_t z = p[Z], g = p[G], z_mask = (1 << z) - 1, g_mask = (1 << g) - 1;
        int32_t y = p[Y], v = p[V] - WORD_BIAS, rest_high = p[REST_HIGH], rest_low = p[REST_LOW], rest_y = p[REST_Y];
        for (int32_t i = first; i < end; i++) {
            int32_t a;
            if (k > 1) {
                a = o[i];
            } else {
                a = x[i] + CODE_BIAS;
                if (a >= CODE_BIAS + LIMIT_CODE || a <= CODE_BIAS - LIMIT_CODE)
                    flags |= 1;
                if (median != 1) {
                    const int32_t m1 = s[LAST], m2 = s[LAST + 1], m3 = s[LAST + 2], m4 = s[LAST + 3];
                    int32_t low = m1, high = m2;
                    if (median == 5) {
                        low = larger(smaller(m1, m2), smaller(m3, m4));
                        high = smaller(larger(m1, m2), larger(m3, m4));
                        s[LAST + 3] = m3;
                        s[LAST + 2] = m2;
                    }
                    s[LAST + 1] = m1;
                    s[LAST] = a;
                    a = middle(a, low, high);
                }
                int32_t sum = a + s[SUMS];
                s[SUMS] = a;
                a = sum + s[SUMS + 1];
                s[SUMS + 1] = sum;
                if (sections == 1) {
                    a <<= 3;
                } else {
                    sum = a + s[SUMS + 2];
                    s[SUMS + 2] = a;
                    a = (sum + s[SUMS + 3]) << 1;
                    s[SUMS + 3] = sum;
                }
            }
            const int32_t u = a - y;
            const int32_t u_high = u >> 14, u_low = u & 0x3fff, v_high = v >> 14, v_low = v & 0x3fff;
            const int32_t m = ((u_low * e_low - v_low * c_low) >> 14) + u_low * e_high + u_high * e_low
                              - v_low * c_high - v_high * c_low + rest_low;
            const int32_t t = (m >> 14) + u_high * e_high - v_high * c_high + rest_high;
            rest_low = m & 0x3fff;
            rest_high = t & z_mask;
            v += t >> z;
            const int32_t w = v + rest_y;
            rest_y = w & g_mask;
            y += w >> g;
            if (k < sections) {
                o[i] = y;
            } else if (!s[CALIBRATED]) {
                o[i] = y - WORD_BIAS;
            } else {
                const int32_t gain_high = s[GAIN_HIGH] - GAIN_BIAS, gain_low = s[GAIN_LOW], shift = s[GAIN_SHIFT];
                const int32_t d = y - s[OFFSET], d_high = d >> 15, d_low = d & 0x7fff;
                const int32_t mid = d_high * gain_low + d_low * gain_high + ((d_low * gain_low) >> 15);
                const int32_t value = (d_high * gain_high + (mid >> 15) + ((1 << shift) >> 1)) >> shift;
                o[i] = value;
                if (flags & 2) {
                    if (value < s[RELEASE] - WORD_BIAS)
                        flags ^= 2;
                } else if (value >= s[THRESHOLD] - WORD_BIAS) {
                    flags |= 2;
                }
            }
        }
        p[Y] = y;
        p[V] = v + WORD_BIAS;
        p[REST_HIGH] = rest_high;
        p[REST_LOW] = rest_low;
        p[REST_Y] = rest_y;
    }
    const int32_t count = smaller(s[COUNT] + (end - first), 0x1fffffff);
    s[COUNT] = count;
    if (count > s[SETTLE])
        flags |= 4;
    s[FLAGS] = flags;
    return flags;
}
