/* SPDX-License-Identifier: BSD-3-Clause */
#include "text.h"

#include <langinfo.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

bool text_utf8(void) {
  return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

char *text_format(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = length < 0 ? NULL : malloc((size_t)length + 1);
  if (text == NULL) return NULL;
  va_start(arguments, format);
  vsnprintf(text, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return text;
}

/* Characters without a shape that turn the direction of text or hide in it. */
static bool is_invisible(wchar_t character) {
  return (character >= 0x200B && character <= 0x200F) || (character >= 0x2028 && character <= 0x202E) ||
         (character >= 0x2060 && character <= 0x206F) || character == 0xFEFF;
}

/* Decodes one character and returns its length in bytes, 0 where there is none that can be shown. */
static size_t decode(const char *text, wchar_t *character) {
  mbstate_t state = {0};
  *character = (unsigned char)*text;
  if (!text_utf8()) return *text >= ' ' && *text <= '~';
  const size_t length = mbrtowc(character, text, strnlen(text, MB_LEN_MAX), &state);
  if (length == (size_t)-1 || length == (size_t)-2) {
    *character = (unsigned char)*text;
    return 0;
  }
  return length;
}

char *text_printable(const char *text) {
  /* One byte becomes four at most. */
  const size_t room = 4 * strlen(text) + 1;
  char *printable = malloc(room);
  if (printable == NULL) return NULL;
  char *end = printable;
  while (*text != '\0') {
    wchar_t character;
    const size_t length = decode(text, &character);
    const size_t left = room - (size_t)(end - printable);
    if (length == 0)
      end += snprintf(end, left, "\\x%02x", (unsigned char)*text);
    else if (iswprint((wint_t)character) && !is_invisible(character) && wcwidth(character) >= 0)
      end = (char *)memcpy(end, text, length) + length;
    else if (character < 0x80)
      end += snprintf(end, left, "\\x%02x", (unsigned)character);
    else
      end += snprintf(end, left, character > 0xFFFF ? "\\U%08x" : "\\u%04x", (unsigned)character);
    text += length > 0 ? length : 1;
  }
  *end = '\0';
  return printable;
}

/* Width of the character at `text`, which moves behind it. */
static int step(const char **text) {
  wchar_t character;
  const size_t length = decode(*text, &character);
  *text += length > 0 ? length : 1;
  const int width = wcwidth(character);
  return width > 0 ? width : 0;
}

int text_columns(const char *printable) {
  int columns = 0;
  while (*printable != '\0' && columns < INT_MAX / 2) columns += step(&printable);
  return columns;
}

char *text_fit(const char *printable, int columns) {
  const int whole = text_columns(printable);
  if (whole <= columns) return text_format("%s", printable);
  const char *ellipsis = text_utf8() ? "\u2026" : "...";
  const int room = columns - text_columns(ellipsis);
  /* The end of a layer's name tells more than its beginning. */
  const char *next = printable, *head_end = printable;
  int head = 0;
  for (int width = step(&next); head + width <= room / 4; width = step(&next)) {
    head += width;
    head_end = next;
  }
  const char *tail = printable;
  for (int left = whole; left > room - head;) left -= step(&tail);
  return text_format("%.*s%s%s", (int)(head_end - printable), printable, ellipsis, tail);
}

int text_terminal_columns(void) {
  const char *variable = getenv("COLUMNS");
  if (variable != NULL) {
    const long columns = strtol(variable, NULL, 10);
    if (columns > 0 && columns <= 10000) return (int)columns;
  }
  struct winsize size;
  if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) return size.ws_col;
  return 0;
}
