/* order.c - orders are mail; the main thread sleeps until the last worker has done its part. */
#include "core/order.h"

#include <pthread.h>

#include "base/mem.h"
#include "core/home.h"

struct rendezvous {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	size_t missing;
};

struct order *order_hold(struct order *order)
{
	order->is_held = true;
	return order;
}

void order_release(struct order *order)
{
	struct rendezvous *rendezvous = order->rendezvous;

	pthread_mutex_lock(&rendezvous->mutex);
	rendezvous->missing--;
	pthread_cond_signal(&rendezvous->changed);
	pthread_mutex_unlock(&rendezvous->mutex);
}

static void order_deliver(struct mail *mail)
{
	struct order *order = CONTAINER_OF(mail, struct order, mail);

	order->run(order);
	if (!order->is_held)
		order_release(order);
}

static void rendezvous_wait(struct rendezvous *rendezvous)
{
	pthread_mutex_lock(&rendezvous->mutex);
	while (rendezvous->missing > 0)
		pthread_cond_wait(&rendezvous->changed, &rendezvous->mutex);
	pthread_mutex_unlock(&rendezvous->mutex);
}

size_t orders_run(void (*run)(struct order *order), struct config *config)
{
	size_t count = homes_count(), sum = 0;
	struct order *orders = mem_alloc_zero(count * sizeof *orders);
	struct rendezvous rendezvous = { .missing = count };

	pthread_mutex_init(&rendezvous.mutex, NULL);
	pthread_cond_init(&rendezvous.changed, NULL);
	for (size_t i = 0; i < count; i++) {
		orders[i].run = run;
		orders[i].config = config;
		orders[i].rendezvous = &rendezvous;
		worker_post(homes_worker(i), &orders[i].mail, order_deliver);
	}
	rendezvous_wait(&rendezvous);
	for (size_t i = 0; i < count; i++)
		sum += orders[i].count;
	pthread_cond_destroy(&rendezvous.changed);
	pthread_mutex_destroy(&rendezvous.mutex);
	mem_free(orders);
	return sum;
}
