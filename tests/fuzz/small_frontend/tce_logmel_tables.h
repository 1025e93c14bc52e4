/* A front end of a few samples, for fuzz targets that need its sizes and not its sound. */
#ifndef TCE_LOGMEL_TABLES_H
#define TCE_LOGMEL_TABLES_H

#define TCE_LOGMEL_N_FFT          8
#define TCE_LOGMEL_WINDOW         8
#define TCE_LOGMEL_HOP            4
#define TCE_LOGMEL_MELS           4

#define TCE_LOGMEL_SAMPLE_RATE_HZ 16000
#define TCE_LOGMEL_OFFSET_Q8      0

#endif
