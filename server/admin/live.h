/* live.h - SQL as the interface of administrators: what somebody has changed in the tables takes
 * effect on those who are connected, as soon as it is committed. */
#ifndef GODWIT_ADMIN_LIVE_H
#define GODWIT_ADMIN_LIVE_H

struct config_tables;

/* On the first worker, after its store_attach() and home_start(); until live_stop() there, before
 * its store_detach(). */
void live_start(void);
void live_stop(void);
/* There, when all workers have taken over a configuration that has these tables. */
void live_configured(const struct config_tables *tables);

#endif
