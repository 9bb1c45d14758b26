/* notify.h - telling systemd: sd_notify(3) without its library. Without NOTIFY_SOCKET in the
 * environment nothing is sent. */
#ifndef GODWIT_ADMIN_NOTIFY_H
#define GODWIT_ADMIN_NOTIFY_H

void notify_ready(void);
void notify_stopping(void);
void notify_watchdog(void);
/* Half of the watchdog's interval in ms; 0: there is no watchdog. */
unsigned notify_watchdog_ms(void);

#endif
