/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file table.h
 * @brief The measurement that needs nothing else: ResNet50 against the floor.
 */
#ifndef KLDSEL_BENCH_TABLE_H
#define KLDSEL_BENCH_TABLE_H

/** Prints times by method, layout and thread count; returns the program's exit status. */
int print_table(void);

#endif /* KLDSEL_BENCH_TABLE_H */
