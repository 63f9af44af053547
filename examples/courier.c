/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A courier: two programs, a channel between them.
 *
 *     ./courier send parcels 1000 &       either may start first, end, be killed and start again
 *     ./courier receive parcels           until the sender has gone and all is here
 *     ./courier list                      all channels of this user
 *     ./courier remove parcels
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adatrace/channel.h>

static int send(const char *name, unsigned count)
{
    struct ada_channel *channel;
    char parcel[64];
    int err = ada_channel_open(name, ADA_CHANNEL_WRITER, NULL, &channel);

    for (unsigned i = 1; !err && i <= count; i++) {
        int length = snprintf(parcel, sizeof(parcel), "parcel %u of %u", i, count);

        err = ada_ring_write(ada_channel_ring(channel), parcel, (size_t)length, ADA_FOREVER);
        if (err)
            ada_channel_close(channel);
    }
    if (!err)
        ada_channel_close(channel);
    return err;
}

static int receive(const char *name)
{
    struct ada_channel *channel;
    char parcel[64], last[64] = "";
    unsigned long count = 0;
    int64_t got = ada_channel_open(name, ADA_CHANNEL_READER, NULL, &channel);

    if (got)
        return (int)got;
    while ((got = ada_ring_read(ada_channel_ring(channel), parcel, sizeof(parcel) - 1,
                                ADA_FOREVER)) >= 0) {
        parcel[got] = '\0';
        memcpy(last, parcel, sizeof(last));
        count++;
    }
    if (got == -EPIPE) /* the sender has left, or was killed; ada_channel_peer() knows which */
        printf("%lu parcels, the last one '%s', and the sender %s\n", count, last,
               ada_channel_peer(channel) == ADA_CHANNEL_LEFT ? "has left" : "was killed");
    ada_channel_close(channel);
    return got == -EPIPE ? 0 : (int)got;
}

static int show(void *context, const struct ada_channel_stats *s)
{
    (void)context;
    printf("%s: %llu written, %llu read, %llu bytes of %llu full at most\n", s->name,
           (unsigned long long)s->ring.written, (unsigned long long)s->ring.read,
           (unsigned long long)s->ring.high_water_bytes, (unsigned long long)s->ring.capacity);
    return 0;
}

int main(int count, char **words)
{
    const char *what = count > 1 ? words[1] : "";
    int err = -EINVAL;

    if (count == 4 && !strcmp(what, "send"))
        err = send(words[2], (unsigned)strtoul(words[3], NULL, 10));
    else if (count == 3 && !strcmp(what, "receive"))
        err = receive(words[2]);
    else if (count == 3 && !strcmp(what, "remove"))
        err = ada_channel_remove(NULL, words[2]);
    else if (count == 2 && !strcmp(what, "list"))
        err = ada_channels_visit(NULL, show, NULL);
    if (err < 0)
        fprintf(stderr, "courier: %s\n", strerror(-err));
    return err < 0;
}
