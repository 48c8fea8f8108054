/* SPDX-License-Identifier: BSD-3-Clause */
#include "network.h"

#include <ctype.h>
#include <jansson.h>
#include <json_text.h>
#include <stdlib.h>
#include <string.h>
#include <text.h>

#include "dataset.h"
#include "keras.h"

enum {
  /* Links may lead round in circles. */
  MOST_GROUPS = 100000,
  MOST_DEPTH = 100
};

/* The next tensor to fill in, its name set; NULL without memory, in which case the name is given back. */
static struct stored_tensor *add(struct network *network, char *name, struct problem *problem) {
  struct model *model = network->model;
  if (name != NULL && model->count == network->room) {
    const size_t room = 2 * network->room + 64;
    struct stored_tensor *more = realloc(model->tensors, room * sizeof *more);
    if (more == NULL) {
      free(name);
      name = NULL;
    } else {
      model->tensors = more;
      network->room = room;
    }
  }
  if (name == NULL) return problem_out_of_memory(problem), NULL;
  struct stored_tensor *tensor = &model->tensors[model->count++];
  *tensor = (struct stored_tensor){.name = name};
  return tensor;
}

void network_free_tensor(struct stored_tensor *tensor) {
  /* Everybody else is to leave them alone. */
  union {
    const void *borrowed;
    void *owned;
  } name = {.borrowed = tensor->name}, data = {.borrowed = tensor->data};
  free(name.owned);
  free(data.owned);
}

static bool read_variable(hid_t group, const char *path, struct network *network,
                          struct stored_tensor *tensor, struct problem *problem) {
  const hid_t dataset = H5Dopen2(group, path, H5P_DEFAULT);
  if (dataset < 0)
    return problem_set(problem, "variable '%.200s': libhdf5 finds no dataset of it", tensor->name);
  const bool read = dataset_read(dataset, &network->unread, tensor, problem);
  H5Dclose(dataset);
  return read;
}

/* Of a model's configuration, which has layers within layers. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as Jansson reads, which has a limit. */
static bool collect_classes(json_t *config, json_t *classes) {
  const char *key;
  json_t *value;
  size_t i;
  const json_t *class = json_object_get(config, "class_name");
  const json_t *name = json_object_get(json_object_get(config, "config"), "name");
  if (json_is_string(class) && json_is_string(name) &&
      json_object_set_new(classes, json_string_value(name), json_string(json_string_value(class))) != 0)
    return false;
  json_object_foreach(config, key, value) if (!collect_classes(value, classes)) return false;
  json_array_foreach(config, i, value) if (!collect_classes(value, classes)) return false;
  return true;
}

static bool read_classes(hid_t file, struct network *network, struct problem *problem) {
  struct strings strings;
  if (!attribute_read(file, "model_config", &strings, problem)) return false;
  if (strings.count != 1) {
    strings_free(&strings);
    return true;
  }
  json_t *config = json_text_parse(strings.texts[0], strlen(strings.texts[0]), 0, "model_config", problem);
  strings_free(&strings);
  if (config == NULL) return false;
  network->classes = json_object();
  const bool collected = network->classes != NULL && collect_classes(config, network->classes);
  json_decref(config);
  return collected || problem_out_of_memory(problem);
}

/* The configuration knows better than a name that looks like a class, and a container than the model's
 * author; only the cell of a recurrent layer is nothing but a cell there. */
static enum keras_class class_of(const struct network *network, const char *label, const char *entry) {
  const char *class = json_string_value(json_object_get(network->classes, label));
  const enum keras_class found = keras_class_of(class != NULL ? class : entry);
  return found != KERAS_UNKNOWN || class != NULL ? found : keras_class_of(label);
}

/* The older form: "conv2d/kernel" or "block/conv2d/kernel:0", after the layer in the path of the dataset. */
static bool read_named(hid_t group, struct network *network, struct stored_tensor *tensor,
                       struct problem *problem) {
  if (!read_variable(group, tensor->name, network, tensor, problem)) return false;
  char *path = strdup(tensor->name);
  if (path == NULL) return problem_out_of_memory(problem);
  char *colon = strrchr(path, ':');
  if (colon != NULL) *colon = '\0';
  char *slash = strrchr(path, '/');
  if (slash != NULL) *slash = '\0';
  const char *variable = slash != NULL ? slash + 1 : path;
  char *above = slash != NULL ? strrchr(path, '/') : NULL;
  const char *label = slash == NULL ? "" : above != NULL ? above + 1 : path;
  keras_lay_out(class_of(network, label, label), variable, tensor);
  free(path);
  return true;
}

static bool read_named_layer(hid_t group, struct network *network, struct problem *problem) {
  struct strings names;
  if (!attribute_read(group, "weight_names", &names, problem)) return false;
  bool read = true;
  for (size_t i = 0; i < names.count && read; i++) {
    struct stored_tensor *tensor = add(network, strdup(names.texts[i]), problem);
    read = tensor != NULL && read_named(group, network, tensor, problem);
  }
  strings_free(&names);
  return read;
}

static bool read_layers(hid_t group, const struct strings *names, struct network *network,
                        struct problem *problem) {
  for (size_t i = 0; i < names->count; i++) {
    const hid_t layer = H5Gopen2(group, names->texts[i], H5P_DEFAULT);
    if (layer < 0)
      return problem_set(problem, "layer '%.200s': libhdf5 finds no group of it", names->texts[i]);
    const bool read = read_named_layer(layer, network, problem);
    H5Gclose(layer);
    if (!read) return false;
  }
  return true;
}

/* Keras splits what is too long for one attribute: layer_names0, layer_names1, ... */
static bool read_named_layers(hid_t group, struct network *network, bool *there, struct problem *problem) {
  *there = H5Aexists(group, "layer_names") > 0;
  char name[32] = "layer_names";
  if (!*there) snprintf(name, sizeof name, "layer_names0");
  for (int part = 0; H5Aexists(group, name) > 0; part++) {
    struct strings names;
    if (!attribute_read(group, name, &names, problem)) return false;
    const bool read = read_layers(group, &names, network, problem);
    strings_free(&names);
    if (!read || *there) return read;
    snprintf(name, sizeof name, "layer_names%d", part + 1);
  }
  *there = *there || strcmp(name, "layer_names0") != 0;
  return true;
}

/* conv2d_2 comes before conv2d_10. */
static int compare_entries(const void *left, const void *right) {
  const char *a = *(char *const *)left, *b = *(char *const *)right;
  while (*a != '\0' && *a == *b) {
    a++;
    b++;
  }
  const size_t a_digits = strspn(a, "0123456789"), b_digits = strspn(b, "0123456789");
  if (a_digits != b_digits && a_digits > 0 && b_digits > 0) return a_digits < b_digits ? -1 : 1;
  return (unsigned char)*a - (unsigned char)*b;
}

static herr_t note_entry(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  struct strings *entries = user;
  (void)group;
  (void)info;
  char **more = realloc((void *)entries->texts, (entries->count + 1) * sizeof *more);
  if (more == NULL) return -1;
  entries->texts = more;
  more[entries->count] = strdup(name);
  if (more[entries->count] == NULL) return -1;
  entries->count++;
  return 0;
}

static bool list_entries(hid_t group, struct strings *entries, struct problem *problem) {
  *entries = (struct strings){0};
  hsize_t place = 0;
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, &place, note_entry, entries) < 0) {
    strings_free(entries);
    return problem_set(problem, "libhdf5 cannot list a group");
  }
  if (entries->texts != NULL)
    qsort((void *)entries->texts, entries->count, sizeof *entries->texts, compare_entries);
  return true;
}

static bool is_group(hid_t group, const char *name) {
  H5O_info_t info;
  return H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 &&
         info.type == H5O_TYPE_GROUP;
}

static bool is_number(const char *text) {
  return *text != '\0' && text[strspn(text, "0123456789")] == '\0' && strlen(text) < 9;
}

/* A layer's own variables, 0, 1, ..., in its group `vars`. */
static bool read_numbered(hid_t variables, const char *owner, enum keras_class class, struct network *network,
                          struct problem *problem) {
  struct strings entries;
  if (!list_entries(variables, &entries, problem)) return false;
  const bool optimizer = strncmp(owner, "optimizer", strlen("optimizer")) == 0;
  bool read = true;
  for (size_t i = 0; i < entries.count && read; i++) {
    const char *entry = entries.texts[i];
    const char *known = is_number(entry) ? keras_variable(class, strtoul(entry, NULL, 10)) : NULL;
    const char *variable = known != NULL ? known : entry;
    char *name = *owner != '\0' ? text_format("%s/%s", owner, variable) : strdup(variable);
    struct stored_tensor *tensor = add(network, name, problem);
    read = tensor != NULL && read_variable(variables, entry, network, tensor, problem);
    if (!read) break;
    keras_lay_out(class, variable, tensor);
    if (optimizer) tensor->reason = "of the optimizer, no layer";
  }
  strings_free(&entries);
  return read;
}

static bool walk(hid_t group, const char *entry, const char *owner, int depth, struct network *network,
                 struct problem *problem);

/* The name that the model gives the layer, if it has told; in new memory. */
static char *label_of(hid_t variables, const char *entry, struct problem *problem) {
  struct strings names;
  if (!attribute_read(variables, "name", &names, problem)) return NULL;
  char *label = strdup(names.count == 1 ? names.texts[0] : entry);
  strings_free(&names);
  if (label == NULL) problem_out_of_memory(problem);
  return label;
}

static bool read_own(hid_t group, const char *entry, const char *owner, int depth, struct network *network,
                     char **inner, struct problem *problem) {
  const hid_t variables = is_group(group, "vars") ? H5Gopen2(group, "vars", H5P_DEFAULT) : H5I_INVALID_HID;
  if (variables < 0) return (*inner = strdup(owner)) != NULL || problem_out_of_memory(problem);
  char *label = label_of(variables, entry, problem);
  bool read = label != NULL;
  if (read) {
    /* The model itself, which is no layer, has no part in the names. */
    *inner = depth == 0 ? strdup("") : *owner != '\0' ? text_format("%s/%s", owner, label) : strdup(label);
    read = *inner != NULL
               ? read_numbered(variables, *inner, class_of(network, label, entry), network, problem)
               : problem_out_of_memory(problem);
  }
  free(label);
  H5Gclose(variables);
  return read;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static bool walk_inside(hid_t group, const char *inner, int depth, struct network *network,
                        struct problem *problem) {
  struct strings entries;
  if (!list_entries(group, &entries, problem)) return false;
  bool read = true;
  for (size_t i = 0; i < entries.count && read; i++) {
    if (strcmp(entries.texts[i], "vars") == 0 || !is_group(group, entries.texts[i])) continue;
    const hid_t child = H5Gopen2(group, entries.texts[i], H5P_DEFAULT);
    read = child >= 0 ? walk(child, entries.texts[i], inner, depth + 1, network, problem)
                      : problem_set(problem, "group '%.200s': libhdf5 cannot open it", entries.texts[i]);
    if (child >= 0) H5Gclose(child);
  }
  strings_free(&entries);
  return read;
}

/* The present form: a group for each layer, containers of layers in between.
 * NOLINTNEXTLINE(misc-no-recursion): MOST_DEPTH deep. */
static bool walk(hid_t group, const char *entry, const char *owner, int depth, struct network *network,
                 struct problem *problem) {
  if (++network->groups > MOST_GROUPS || depth > MOST_DEPTH)
    return problem_set(problem, "its groups go round in circles, or are more than %d, or %d deep",
                       MOST_GROUPS, MOST_DEPTH);
  char *inner = NULL;
  const bool read = read_own(group, entry, owner, depth, network, &inner, problem) &&
                    walk_inside(group, inner, depth, network, problem);
  free(inner);
  return read;
}

static bool read_group(hid_t group, bool named_only, struct network *network, struct problem *problem) {
  bool named = false;
  if (!read_named_layers(group, network, &named, problem)) return false;
  return named || (named_only ? problem_set(problem, "model_weights names no layers")
                              : walk(group, "", "", 0, network, problem));
}

bool network_read(hid_t file, struct network *network, struct problem *problem) {
  if (H5Fget_filesize(file, &network->unread) < 0)
    return problem_set(problem, "libhdf5 cannot tell its size");
  if (!read_classes(file, network, problem)) return false;
  const bool whole = is_group(file, "model_weights");
  const hid_t group = H5Gopen2(file, whole ? "model_weights" : "/", H5P_DEFAULT);
  if (group < 0) return problem_set(problem, "libhdf5 cannot open its root");
  const bool read = read_group(group, whole, network, problem);
  H5Gclose(group);
  return read && (network->model->count > 0 || problem_set(problem, "holds no weights of a Keras model"));
}
