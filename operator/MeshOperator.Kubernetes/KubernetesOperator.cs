using System.Diagnostics.CodeAnalysis;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes;

/// <summary>Adds the parts of an operator to the services.</summary>
public interface IOperatorBuilder
{
    /// <summary>The services.</summary>
    IServiceCollection Services { get; }

    /// <summary>Adds a shared informer of a kind, once; everything that asks for the kind shares it.</summary>
    IOperatorBuilder AddInformer<TEntity>(InformerOptions<TEntity>? options = null)
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>Adds a controller and, if there is none yet, the informer of its kind.</summary>
    IOperatorBuilder AddController<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TImplementation,
        TEntity
    >()
        where TImplementation : class, IEntityController<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>Adds a finalizer, which runs before an object is removed. A controller of the same kind must be added too: it attaches
    /// the finalizer. The operator needs the right to patch the kind.</summary>
    /// <param name="identifier">What is put into <c>metadata.finalizers</c>: a domain, a slash and a name.</param>
    IOperatorBuilder AddFinalizer<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TImplementation, TEntity>(
        string identifier
    )
        where TImplementation : class, IEntityFinalizer<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>Adds a webhook that changes objects.</summary>
    IOperatorBuilder AddMutationWebhook<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TImplementation,
        TEntity
    >()
        where TImplementation : MutationWebhook<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>Adds a webhook that accepts or refuses objects.</summary>
    IOperatorBuilder AddValidationWebhook<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TImplementation,
        TEntity
    >()
        where TImplementation : ValidationWebhook<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;
}

/// <summary>Entry of this project into the services.</summary>
public static class KubernetesOperator
{
    /// <summary>Adds the runtime. The services must hold a <see cref="k8s.Kubernetes"/> client, a <see cref="TimeProvider"/>, a
    /// <see cref="Random"/> that several threads may use, and an <see cref="ILeadership"/>. Hosted services stop in the reverse of the
    /// order in which they are added, so an election is added before this: it gives the lease back when the controllers have
    /// stopped.</summary>
    public static IOperatorBuilder AddKubernetesOperator(this IServiceCollection services)
    {
        services.AddSingleton(p => new KubernetesTransport(
            p.GetRequiredService<k8s.Kubernetes>(),
            p.GetRequiredService<TimeProvider>(),
            p.GetService<KubernetesTransportOptions>(),
            p.GetRequiredService<Random>()
        ));
        services.AddSingleton(typeof(EntityClient<>));
        services.AddSingleton(typeof(Status.StatusWriter<>));
        services.AddSingleton(typeof(ControllerRequeue<>));
        services.AddSingleton<Events.EventPublisher>();
        services.AddHostedService<InformerService>();
        return new OperatorBuilder(services);
    }

    private sealed class OperatorBuilder(IServiceCollection services) : IOperatorBuilder
    {
        public IServiceCollection Services => services;

        public IOperatorBuilder AddInformer<TEntity>(InformerOptions<TEntity>? options = null)
            where TEntity : class, IKubernetesObject<V1ObjectMeta>
        {
            if (services.Any(s => s.ServiceType == typeof(SharedInformer<TEntity>)))
                return this;
            services.AddSingleton(p => new SharedInformer<TEntity>(
                p.GetRequiredService<KubernetesTransport>(),
                options ?? new InformerOptions<TEntity>(),
                p.GetRequiredService<TimeProvider>(),
                p.GetRequiredService<Random>(),
                p.GetRequiredService<ILogger<SharedInformer<TEntity>>>()
            ));
            services.AddSingleton<IInformer>(p => p.GetRequiredService<SharedInformer<TEntity>>());
            return this;
        }

        public IOperatorBuilder AddController<
            [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TImplementation,
            TEntity
        >()
            where TImplementation : class, IEntityController<TEntity>
            where TEntity : class, IKubernetesObject<V1ObjectMeta>
        {
            AddInformer<TEntity>();
            services.AddSingleton<IEntityController<TEntity>, TImplementation>();
            services.AddHostedService(p => new ControllerHost<TEntity>(
                p.GetRequiredService<SharedInformer<TEntity>>(),
                p.GetRequiredService<IEntityController<TEntity>>(),
                new EntityFinalizers<TEntity>(
                    p.GetServices<EntityFinalizerRegistration<TEntity>>(),
                    p.GetRequiredService<EntityClient<TEntity>>(),
                    p.GetRequiredService<ILogger<EntityFinalizers<TEntity>>>()
                ),
                p.GetRequiredService<ILeadership>(),
                p.GetRequiredService<ControllerRequeue<TEntity>>(),
                p.GetService<ControllerOptions>() ?? new ControllerOptions(),
                p.GetRequiredService<TimeProvider>(),
                p.GetRequiredService<Random>(),
                p.GetRequiredService<ILogger<ControllerHost<TEntity>>>()
            ));
            return this;
        }

        public IOperatorBuilder AddFinalizer<
            [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TImplementation,
            TEntity
        >(string identifier)
            where TImplementation : class, IEntityFinalizer<TEntity>
            where TEntity : class, IKubernetesObject<V1ObjectMeta>
        {
            if (identifier.IndexOf('/', StringComparison.Ordinal) <= 0)
                throw new ArgumentException(
                    $"The finalizer '{identifier}' must be a domain, a slash and a name, for example example.com/cleanup.",
                    nameof(identifier)
                );
            services.AddSingleton<TImplementation>();
            services.AddSingleton(p => new EntityFinalizerRegistration<TEntity>(identifier, p.GetRequiredService<TImplementation>()));
            return this;
        }

        public IOperatorBuilder AddMutationWebhook<
            [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TImplementation,
            TEntity
        >()
            where TImplementation : MutationWebhook<TEntity>
            where TEntity : class, IKubernetesObject<V1ObjectMeta>
        {
            services.AddSingleton<MutationWebhook<TEntity>, TImplementation>();
            return this;
        }

        public IOperatorBuilder AddValidationWebhook<
            [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TImplementation,
            TEntity
        >()
            where TImplementation : ValidationWebhook<TEntity>
            where TEntity : class, IKubernetesObject<V1ObjectMeta>
        {
            services.AddSingleton<ValidationWebhook<TEntity>, TImplementation>();
            return this;
        }
    }

    private sealed class InformerService(IEnumerable<IInformer> informers) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
            Task.WhenAll(informers.Select(informer => Task.Run(() => informer.RunAsync(stoppingToken), CancellationToken.None)));
    }
}
