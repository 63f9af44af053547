/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/metrics_http.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HOST_BYTES = 256,
    URL_BYTES = 128,
    CONNECTIONS_MAX = 32,
    PATIENCE_SECONDS = 10,
    BACKLOG = 16
};

/* The calls of libmicrohttpd that we make. */
struct library {
    void *handle;
    __typeof__(&MHD_start_daemon) start_daemon;
    __typeof__(&MHD_stop_daemon) stop_daemon;
    __typeof__(&MHD_create_response_from_buffer) create_response;
    __typeof__(&MHD_destroy_response) destroy_response;
    __typeof__(&MHD_add_response_header) add_response_header;
    __typeof__(&MHD_queue_response) queue_response;
    __typeof__(&MHD_lookup_connection_value) lookup_value;
};

struct metrics_http {
    const struct metrics_source *source;
    struct library library;
    struct MHD_Daemon *daemon;
    char url[URL_BYTES];
};

/* ---- the library ---- */

static int library_open(struct library *l)
{
    const struct {
        const char *name;
        void *place;
    } calls[] = {
        {"MHD_start_daemon", &l->start_daemon},
        {"MHD_stop_daemon", &l->stop_daemon},
        {"MHD_create_response_from_buffer", &l->create_response},
        {"MHD_destroy_response", &l->destroy_response},
        {"MHD_add_response_header", &l->add_response_header},
        {"MHD_queue_response", &l->queue_response},
        {"MHD_lookup_connection_value", &l->lookup_value},
    };

    l->handle = dlopen(METRICS_HTTP_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!l->handle)
        return -ELIBACC;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        void *address = dlsym(l->handle, calls[i].name);

        if (!address)
            return -ELIBACC;
        memcpy(calls[i].place, &address, sizeof(address));
    }
    return 0;
}

/* ---- the address ---- */

/* The port's text in `text`, and the host before it; NULL: that is no address. */
static const char *address_split(const char *text, char host[HOST_BYTES])
{
    const char *colon = strrchr(text, ':');
    size_t size;

    if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strchr(text, '/'))
        return NULL;
    size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && colon[-1] == ']') {
        text++;
        size -= 2;
    } else if (memchr(text, ':', size)) {
        return NULL;
    }
    if (size >= HOST_BYTES)
        return NULL;
    snprintf(host, HOST_BYTES, "%.*s", (int)size, text);
    if (!size)
        strcpy(host, "127.0.0.1"); /* nobody outside has to know what runs here */
    return colon + 1;
}

bool metrics_http_is_address(const char *text)
{
    char host[HOST_BYTES];

    return address_split(text, host) != NULL;
}

/* Returns a descriptor. */
static int address_listen(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    int one = 1, err;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

static void url_make(struct metrics_http *h, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN + 1], port[8];

    if (getsockname(fd, (struct sockaddr *)&address, &size) ||
        getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    snprintf(h->url, sizeof(h->url),
             address.ss_family == AF_INET6 ? "http://[%s]:%s/metrics" : "http://%s:%s/metrics",
             host, port);
}

static int http_listen(struct metrics_http *h, const char *text)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char host[HOST_BYTES];
    const char *port = address_split(text, host);
    struct addrinfo *found;
    int fd;

    if (!port)
        return -EINVAL;
    if (getaddrinfo(host, port, &hints, &found))
        return -EADDRNOTAVAIL;
    fd = address_listen(found);
    freeaddrinfo(found);
    if (fd >= 0)
        url_make(h, fd);
    return fd;
}

/* ---- answers ---- */

/* `text` is the response's from here on. */
static enum MHD_Result text_answer(struct metrics_http *h, struct MHD_Connection *connection,
                                   unsigned status, const char *type, char *text, size_t size)
{
    struct MHD_Response *response = h->library.create_response(size, text, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result done;

    if (!response) {
        free(text);
        return MHD_NO;
    }
    (void)h->library.add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)h->library.add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)h->library.add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    done = h->library.queue_response(connection, status, response);
    h->library.destroy_response(response);
    return done;
}

static enum MHD_Result sentence_answer(struct metrics_http *h, struct MHD_Connection *connection,
                                       unsigned status, const char *sentence)
{
    char *text = strdup(sentence);

    return text
               ? text_answer(h, connection, status, "text/plain; charset=utf-8", text, strlen(text))
               : MHD_NO;
}

static enum MHD_Result metrics_answer(struct metrics_http *h, struct MHD_Connection *connection)
{
    const char *accept =
        h->library.lookup_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    enum metrics_format format = metrics_format_wanted(accept);
    struct stats_picture picture;
    struct out_buffer out;
    int err = h->source->take(h->source->context, &picture);

    if (err)
        return sentence_answer(h, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                               "the session is ending\n");
    err = out_open_memory(&out);
    if (!err)
        err = metrics_print(&out, &picture, &h->source->labels, format);
    stats_picture_free(&picture);
    if (err)
        return sentence_answer(h, connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
    return text_answer(h, connection, MHD_HTTP_OK, metrics_content_type(format), out.memory,
                       (size_t)(out.at - out.memory));
}

static enum MHD_Result request_answer(void *context, struct MHD_Connection *connection,
                                      const char *path, const char *method, const char *version,
                                      const char *body, size_t *body_size, void **state)
{
    struct metrics_http *h = context;

    (void)version;
    (void)body;
    (void)state;
    if (*body_size) {
        *body_size = 0; /* whatever it is */
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return sentence_answer(h, connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET /metrics\n");
    if (strcmp(path, "/metrics") != 0)
        return sentence_answer(h, connection, MHD_HTTP_NOT_FOUND, "look at /metrics\n");
    return metrics_answer(h, connection);
}

/* ---- open and close ---- */

static int daemon_start(struct metrics_http *h, int fd)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    h->daemon = h->library.start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, request_answer,
        h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)PATIENCE_SECONDS, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return h->daemon ? 0 : -EIO;
}

int metrics_http_open(struct metrics_http **out, const char *address,
                      const struct metrics_source *source)
{
    struct metrics_http *h = calloc(1, sizeof(*h));
    int err, fd = -1;

    if (!h)
        return -ENOMEM;
    h->source = source;
    err = library_open(&h->library);
    if (!err)
        err = fd = http_listen(h, address);
    if (err >= 0)
        err = daemon_start(h, fd);
    if (err) {
        if (fd >= 0)
            close(fd);
        free(h);
        return err;
    }
    *out = h;
    return 0;
}

const char *metrics_http_url(const struct metrics_http *h)
{
    return h->url;
}

void metrics_http_close(struct metrics_http *h)
{
    if (!h)
        return;
    h->library.stop_daemon(h->daemon); /* closes the socket */
    free(h);
}
